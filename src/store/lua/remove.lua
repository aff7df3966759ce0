-- remove {epoch, facts, messages, idle} → {} when the session is gone, or somebody has said something since `idle` (ms, where it is given); else
-- {its place in the lists, its create key, what it says of its client, its data key, its messages as
-- `drop_messages` has them, its alerts …}. What it says to the audit and to receivers stays. [S-6]
local a = cjson.decode(ARGV[1])
local epoch, place, key, client, wrapped, said = unpack(redis.call('HMGET', S, 'epoch', 'place', 'key', 'client', 'k', 'at'))
if epoch ~= a.epoch then return {} end
if a.idle and tonumber(said) >= a.idle then return {} end
redis.call('HDEL', S, 'k')
local turn = live_turn()
if turn then wake_owner(turn) end
local answer = { place, key, client, wrapped, drop_messages(B) }
for at, alert in ipairs(redis.call('HKEYS', B .. ':a')) do answer[5 + at] = alert end
redis.call('DEL', S, L, V, T, I, C, H, G, B .. ':a')
local at = now()
redis.call('HSET', X, epoch, at)
redis.call('EXPIRE', X, 30 * 24 * 3600)
put_facts(B, a.facts, at)
put_messages(B, a.messages, at)
wake()
return answer
