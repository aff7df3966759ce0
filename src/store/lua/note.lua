-- note {epoch, kid, version, entries, fields, changes, alert, client, facts} → 'noted', 'gone' or 'stale'
local a = cjson.decode(ARGV[1])
local epoch, version, seq, kid = unpack(redis.call('HMGET', S, 'epoch', 'v', 'seq', 'kid'))
if epoch ~= a.epoch then return 'gone' end
if a.version ~= '' and a.version ~= version then return 'stale' end
if (kid or '') ~= a.kid then return 'key' end
local at = now()
add(tonumber(seq), a.entries)
set(S, a.fields)
if a.changes then redis.call('HINCRBY', S, 'v', 1) end
if a.client ~= '' then redis.call('HSET', S, 'client', string.format('%016.0f:', micros()) .. a.client) end
if a.alert.id then change_alert(B, a.alert.id, a.alert, at) end
put_facts(B, a.facts, at)
wake()
return 'noted'
