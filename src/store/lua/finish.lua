-- finish {epoch, kid, turn, gen, state, words, entries, fields, facts, messages} → 'finished', 'fenced' or 'unclear'. [P-8]
local a = cjson.decode(ARGV[1])
local turn = held(a.epoch, a.turn, a.gen)
if not turn then return 'fenced' end
if (turn.kid or '') ~= a.kid then return 'key' end
local at = now()
if not say(turn, a.words, at) then return 'unclear' end
close(turn, { state = a.state }, a.entries, at)
set(S, a.fields)
if a.state == 'done' then redis.call('HINCRBY', S, 'turns', 1) end
touch(at)
put_facts(B, a.facts, at)
put_messages(B, a.messages, at)
wake()
return 'finished'
