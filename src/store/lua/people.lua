-- What a session keeps for the people behind it, in the same step as what it is about. `base` is what its keys begin with.
--   :a  hash  alert id → JSON array of strings, '' for nothing, times in ms:
--             1 call (sealed)  2 at  3 status  4 actor (sealed)  5 statusAt  6 delivery  7 tries  8 nextAt  9 alarmedAt
--             10 how often it was changed
--   :o  list  facts on their way to the audit, in their order: "<id> <at> <sealed fact>". It outlives its session.
--   :m  list  messages on their way to receivers, in their order, as JSON arrays of strings:
--             1 id  2 receiver  3 at  4 '' when it is sealed by the key of the session and goes with it, '-' when it is plain and
--             outlives the session, else the wrapped key by which it does so  5 message (sealed)

local function alert_of(base, id)
  local packed = redis.call('HGET', base .. ':a', id)
  if packed then return cjson.decode(packed) end
end

local function keep_alert(base, id, alert)
  alert[10] = tostring(alert[10] + 1)
  redis.call('HSET', base .. ':a', id, cjson.encode(alert))
end

-- Stores calls {id, call, delivery}, but for those that are there already.
local function call_for(base, alerts, at)
  local time = string.format('%.0f', at)
  for _, alert in ipairs(alerts) do
    local made = { alert.call, time, 'open', '', '', alert.delivery, '0', time, '', '0' }
    redis.call('HSETNX', base .. ':a', alert.id, cjson.encode(made))
  end
end

-- What somebody did {status, actor}; about an alert that is not there: nothing.
local function change_alert(base, id, change, at)
  local alert = alert_of(base, id)
  if not alert then return end
  alert[3], alert[4], alert[5] = change.status, change.actor, string.format('%.0f', at)
  keep_alert(base, id, alert)
end

-- Adds facts {id, fact} in their order.
local function put_facts(base, facts, at)
  local time = string.format('%.0f', at)
  for _, each in ipairs(facts) do redis.call('RPUSH', base .. ':o', each.id .. ' ' .. time .. ' ' .. each.fact) end
end

-- Adds messages {id, receiver, own, sealed} in their order.
local function put_messages(base, messages, at)
  local time = string.format('%.0f', at)
  for _, each in ipairs(messages) do
    redis.call('RPUSH', base .. ':m', cjson.encode({ each.id, each.receiver, time, each.own, each.sealed }))
  end
end

-- Takes away the messages that go with their session; answers their receivers and ids: receiver, id, receiver, id …
local function drop_messages(base)
  local dropped = {}
  for _, packed in ipairs(redis.call('LRANGE', base .. ':m', 0, -1)) do
    local message = cjson.decode(packed)
    if message[4] == '' then
      redis.call('LREM', base .. ':m', 1, packed)
      dropped[#dropped + 1] = message[2]
      dropped[#dropped + 1] = message[1]
    end
  end
  return dropped
end
