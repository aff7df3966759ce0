-- create {fields, messages} → {'made', session}, {'taken', the session that is there}, or {'used'}: the epoch is over. [P-11]
local a = cjson.decode(ARGV[1])
if redis.call('EXISTS', S) == 1 then return { 'taken', redis.call('HGETALL', S) } end
if redis.call('HEXISTS', X, a.fields.epoch) == 1 then return { 'used' } end
local at = now()
a.fields.made, a.fields.at = at, at
set(S, a.fields)
put_messages(B, a.messages, at)
return { 'made', redis.call('HGETALL', S) }
