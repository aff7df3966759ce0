-- The alerts of all sessions, in one slot: where each lies, and which to look at. The truth lies with the session. An alert
-- is in every list that it may belong to: it is added before the step, and leaves after it, or when it is met where it
-- does not belong and no step can be under way.
--   :n        counter    :e:<id>  hash  base, member, ack, rev (changes known), touches, touched (ms), claim (ms)
--   :z        zset       all, by their number        :s:<status>  zset  the same of one status
--   :w        zset       may wait for an acknowledgement, by number
--   :d        zset       may be due, by time (ms)
-- A member is the number in 16 digits and the id, so that those of one time keep their order.
local K = KEYS[1]
local UNDER_WAY_MS = 60000
local statuses = { 'open', 'acknowledged', 'taken_over', 'cleared' }
local verbs = {}

local function key_of(id)
  return K .. ':e:' .. id
end

local function number_of(member)
  return tonumber(string.sub(member, 1, 16))
end

local function add(list, member)
  redis.call('ZADD', K .. list, number_of(member), member)
end

local function forget(id)
  local member = redis.call('HGET', key_of(id), 'member')
  for _, list in ipairs({ ':z', ':w', ':d' }) do redis.call('ZREM', K .. list, member) end
  for _, status in ipairs(statuses) do redis.call('ZREM', K .. ':s:' .. status, member) end
  redis.call('DEL', key_of(id))
end

-- What is told of the alerts behind members: {id, base, touches, number} each.
local function told(members)
  local found = {}
  for _, member in ipairs(members) do
    local id = string.sub(member, 17)
    local base, touches = unpack(redis.call('HMGET', key_of(id), 'base', 'touches'))
    found[#found + 1] = { id, base, touches, tostring(number_of(member)) }
  end
  return found
end

-- {base, alerts: {id, ack, sent, from}} before they are called for → for each how often that was done, or the base of another
-- session under which the id lies. One that lies under `from` is not there, and is replaced.
function verbs.expect(a)
  local answers, at = {}, now()
  for i, alert in ipairs(a.alerts) do
    local key = key_of(alert.id)
    local base = redis.call('HGET', key, 'base')
    if base and base ~= a.base and base == alert.from then
      forget(alert.id)
      base = nil
    end
    if base and base ~= a.base then
      answers[i] = base
    else
      if not base then
        local member = string.format('%016.0f', redis.call('INCR', K .. ':n')) .. alert.id
        redis.call('HSET', key, 'base', a.base, 'member', member, 'ack', alert.ack and 1 or 0)
      end
      local member = redis.call('HGET', key, 'member')
      add(':z', member)
      add(':s:open', member)
      if alert.ack then add(':w', member) end
      if alert.sent then redis.call('ZADD', K .. ':d', 'LT', at, member) end
      redis.call('HSET', key, 'rev', 0, 'touched', at)
      answers[i] = redis.call('HINCRBY', key, 'touches', 1)
    end
  end
  return answers
end

-- {id, status, waits, due} before a change: what it may be from now on.
function verbs.may(a)
  local key = key_of(a.id)
  local member, ack = unpack(redis.call('HMGET', key, 'member', 'ack'))
  if not member then return 0 end
  local at = now()
  redis.call('HSET', key, 'touched', at)
  if a.status ~= '' then add(':s:' .. a.status, member) end
  if a.waits and ack == '1' then add(':w', member) end
  if a.due then redis.call('ZADD', K .. ':d', 'LT', at, member) end
  return 1
end

-- {id, base, rev, status, waits, due ('' for never), own, free}: what it is. From somebody who only met it (not `own`) it
-- counts when no step can be under way. `free` gives a claim back.
function verbs.place(a)
  local key = key_of(a.id)
  local member, base, rev, touched = unpack(redis.call('HMGET', key, 'member', 'base', 'rev', 'touched'))
  if base ~= a.base then return 0 end
  if a.free then redis.call('HDEL', key, 'claim') end
  if tonumber(a.rev) < tonumber(rev) then return 0 end
  if not a.own and now() - touched < UNDER_WAY_MS then return 0 end
  redis.call('HSET', key, 'rev', a.rev)
  for _, status in ipairs(statuses) do
    if status ~= a.status then redis.call('ZREM', K .. ':s:' .. status, member) end
  end
  add(':s:' .. a.status, member)
  if a.waits then add(':w', member) else redis.call('ZREM', K .. ':w', member) end
  if a.due ~= '' then redis.call('ZADD', K .. ':d', a.due, member) else redis.call('ZREM', K .. ':d', member) end
  return 1
end

-- {id, base, touches, old}: it is not there. Nothing when somebody expected it since ('' of touches: whoever did), or, with
-- `old`, when a step may be under way.
function verbs.drop(a)
  local base, touches, touched = unpack(redis.call('HMGET', key_of(a.id), 'base', 'touches', 'touched'))
  if base ~= a.base or (a.touches ~= '' and touches ~= a.touches) then return 0 end
  if a.old and now() - touched < UNDER_WAY_MS then return 0 end
  forget(a.id)
  return 1
end

function verbs.find(a)
  local member = redis.call('HGET', key_of(a.id), 'member')
  return told(member and { member } or {})
end

-- {list, below, limit}: the latest first
function verbs.latest(a)
  return told(redis.call('ZRANGE', K .. a.list, '(' .. a.from, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, a.limit))
end

-- {list, from, limit}: the oldest first
function verbs.oldest(a)
  return told(redis.call('ZRANGE', K .. a.list, '(' .. a.from, '+inf', 'BYSCORE', 'LIMIT', 0, a.limit))
end

-- {limit}: those due by now that nobody has claimed
function verbs.due(a)
  local at, found, from = now(), {}, 0
  while #found < a.limit do
    local page = redis.call('ZRANGE', K .. ':d', '-inf', at, 'BYSCORE', 'LIMIT', from, a.limit)
    for _, member in ipairs(page) do
      local claim = redis.call('HGET', key_of(string.sub(member, 17)), 'claim')
      if #found < a.limit and (not claim or tonumber(claim) <= at) then found[#found + 1] = member end
    end
    if #page < a.limit then break end
    from = from + a.limit
  end
  return told(found)
end

-- {id, ms} → 1 for one caller until the time is over
function verbs.claim(a)
  local key = key_of(a.id)
  local member, claim = unpack(redis.call('HMGET', key, 'member', 'claim'))
  local at = now()
  if not member or (claim and tonumber(claim) > at) then return 0 end
  redis.call('HSET', key, 'claim', at + a.ms)
  return 1
end

return verbs[ARGV[1]](cjson.decode(ARGV[2]))
