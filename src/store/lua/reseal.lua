-- reseal {epoch, version, seq, client, entries, turns, fields, alerts, grants, messages, log, asked} → 'sealed' when all of a session that was
-- not encrypted is replaced; 'gone', 'done' when it is encrypted already, 'live' when a turn lives, 'moved' when something is not as
-- it was seen. `alerts` and `grants`: id → {seen, new}; `messages`: {seen, new} …; `log` and `asked`: suffixes of the copies.
local a = cjson.decode(ARGV[1])
local epoch, version, seq, client, key = unpack(redis.call('HMGET', S, 'epoch', 'v', 'seq', 'client', 'k'))
if epoch ~= a.epoch then return 'gone' end
if key then return 'done' end
if redis.call('EXISTS', V) == 1 then return 'live' end

local function is_as_seen(hash, values)
  local count = 0
  for id, value in pairs(values) do
    if redis.call('HGET', hash, id) ~= value[1] then return false end
    count = count + 1
  end
  return redis.call('HLEN', hash) == count
end

local function are_as_seen(list, values)
  for at, value in ipairs(values) do
    if redis.call('LINDEX', list, at - 1) ~= value[1] then return false end
  end
  return redis.call('LLEN', list) == #values
end

local function replace(hash, values)
  for id, value in pairs(values) do redis.call('HSET', hash, id, value[2]) end
end

-- A copy takes its time to live along.
local function put(copy, place)
  if redis.call('EXISTS', copy) == 0 then return redis.call('DEL', place) end
  redis.call('RENAME', copy, place)
  redis.call('PERSIST', place)
end

local log, asked, alerts = B .. ':' .. a.log, B .. ':' .. a.asked, B .. ':a'
if version ~= a.version or seq ~= a.seq or (client or '') ~= a.client then return 'moved' end
if redis.call('XLEN', L) ~= a.entries or redis.call('XLEN', log) ~= a.entries then return 'moved' end
if redis.call('HLEN', T) ~= a.turns or redis.call('HLEN', asked) ~= a.turns then return 'moved' end
if not is_as_seen(alerts, a.alerts) or not is_as_seen(G, a.grants) then return 'moved' end
if not are_as_seen(B .. ':m', a.messages) then return 'moved' end
set(S, a.fields)
put(log, L)
put(asked, T)
replace(alerts, a.alerts)
replace(G, a.grants)
for at, value in ipairs(a.messages) do redis.call('LSET', B .. ':m', at - 1, value[2]) end
return 'sealed'
