-- answer {epoch, kid, seen, entries, words, last, source, model, facts, messages} → {'gone'}, {'moved'}, {'noted'} or {'ended', turn}: a person's
-- words end the turn that waits for them, and the owner before is fenced. [P-5]
local a = cjson.decode(ARGV[1])
local epoch, seq, kid = unpack(redis.call('HMGET', S, 'epoch', 'seq', 'kid'))
if epoch ~= a.epoch then return { 'gone' } end
if (kid or '') ~= a.kid then return 'key' end
local turn = live_turn()
local waits = turn and turn.human == '1'
if seq ~= a.seen.seq or (waits and turn.id or '') ~= a.seen.id then return { 'moved' } end
local at = now()
add(tonumber(seq), a.entries)
put_facts(B, a.facts, at)
if not waits then
  wake()
  return { 'noted' }
end
turn.call = ''
wake_owner(turn)
say(turn, a.words, at)
local over = { state = 'done', gen = tonumber(turn.gen) + 1, source = a.source, model = a.model }
local n = turn.n
close(turn, over, { { 'therapist:done', a.last } }, at)
redis.call('HINCRBY', S, 'turns', 1)
put_messages(B, a.messages, at)
touch(at)
return { 'ended', view(n) }
