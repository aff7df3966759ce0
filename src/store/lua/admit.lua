-- Admits an input: owner, repeat, live turn and basis are looked at in this order. [P-6]
-- admit {owner, input, interrupt, epoch, version, kid, make, turn, asked, fields, client, alerts, facts, messages, entries, lease, seen}
local a = cjson.decode(ARGV[1])
local epoch, owner, version, seq, n, kid = unpack(redis.call('HMGET', S, 'epoch', 'owner', 'v', 'seq', 'n', 'kid'))
if epoch and owner ~= a.owner then return { 'taken' } end
local before = epoch and a.input ~= '' and redis.call('HGET', I, 'i' .. a.input)
if before then return { 'repeat', redis.call('HGETALL', S), view(before) } end
local turn = live_turn()
if turn and not a.interrupt then return { 'busy' } end
if (epoch or '') ~= a.epoch or (version or '') ~= a.version then return { 'stale' } end
if epoch and (kid or '') ~= a.kid then return 'key' end
if turn and (turn.id ~= a.seen.id or seq ~= a.seen.seq) then return { 'moved' } end
if not epoch and redis.call('HEXISTS', X, a.make.epoch) == 1 then return { 'used' } end

local at = now()
if turn then
  wake_owner(turn)
  local over = { state = 'cancelled', gen = tonumber(turn.gen) + 1 }
  close(turn, over, { { 'turn:cancelled', a.seen.data } }, at)
  touch(at)
end
if not epoch then
  a.make.made = at
  set(S, a.make)
end
local first = tonumber(redis.call('HGET', S, 'seq')) + 1
local last = add(first - 1, a.entries)
local number = (tonumber(n) or 0) + 1
set(S, a.fields)
redis.call('HSET', S, 'n', number)
touch(at)
if a.client ~= '' then redis.call('HSET', S, 'client', string.format('%016.0f:', micros()) .. a.client) end
set(V, a.turn)
set(V, { n = number, first = first, last = last, started = at, phaseAt = at, ['until'] = at + a.lease, run = run_id() })
redis.call('HSET', T, number, a.asked)
redis.call('HSET', I, 't' .. a.turn.id, number)
if a.input ~= '' then redis.call('HSET', I, 'i' .. a.input, number) end
call_for(B, a.alerts, at)
put_facts(B, a.facts, at)
put_messages(B, a.messages, at)
wake()
return { 'admitted', redis.call('HGETALL', S), redis.call('HGETALL', V), turn and turn.id or false }
