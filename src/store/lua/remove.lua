-- remove {epoch, facts} → {} when the session is gone, else {its place in the lists, its create key, what it says of its client,
-- its alerts …}. What it says to the audit stays. [S-6]
local a = cjson.decode(ARGV[1])
local epoch, place, key, client = unpack(redis.call('HMGET', S, 'epoch', 'place', 'key', 'client'))
if epoch ~= a.epoch then return {} end
local turn = live_turn()
if turn then wake_owner(turn) end
local answer = { place, key, client }
for at, alert in ipairs(redis.call('HKEYS', B .. ':a')) do answer[3 + at] = alert end
redis.call('DEL', S, L, V, T, I, C, H, B .. ':a')
local at = now()
redis.call('HSET', X, epoch, at)
redis.call('EXPIRE', X, 30 * 24 * 3600)
put_facts(B, a.facts, at)
wake()
return answer
