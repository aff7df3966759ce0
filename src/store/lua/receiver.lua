-- What waits for one receiver, in one slot: in which sessions to look. The truth lies with those. A ticket is "<base> <id of a message>".
--   :x  zset  tickets of steps that may be under way, by the time they were expected (ms)
--   :z  zset  tickets of messages that wait, in their order
--   :d  zset  bases by the time at which their first message is due (ms)
--   :e  hash  base → which of all looks was wanted there last   :n  counter of looks and messages
--   :c  hash  base → until when somebody sees to it (ms)        :t  hash  base → "<tries> <id>" of its first message
local K = KEYS[1]
local verbs = {}

local function put(ticket)
  redis.call('ZREM', K .. ':x', ticket)
  redis.call('ZADD', K .. ':z', 'NX', redis.call('INCR', K .. ':n'), ticket)
end

local function base_of(ticket)
  return string.match(ticket, '^%S+')
end

-- There is something to look for in a session; `anew`: whatever was known of its first message is over.
local function look(base, at, anew)
  redis.call('HSET', K .. ':e', base, redis.call('INCR', K .. ':n'))
  if anew then
    redis.call('HDEL', K .. ':t', base)
    redis.call('ZADD', K .. ':d', at, base)
  else
    redis.call('ZADD', K .. ':d', 'NX', at, base)
  end
end

-- Which look was wanted last in a session.
local function wanted(base)
  return redis.call('HGET', K .. ':e', base) or '-'
end

local function forget(base)
  redis.call('ZREM', K .. ':d', base)
  redis.call('HDEL', K .. ':e', base)
  redis.call('HDEL', K .. ':t', base)
end

-- {base, ids} before a step that has these messages
function verbs.expect(a)
  local at = now()
  for _, id in ipairs(a.ids) do redis.call('ZADD', K .. ':x', at, a.base .. ' ' .. id) end
  return 1
end

-- {base, ids, stored} after it
function verbs.ready(a)
  for _, id in ipairs(a.ids) do
    local ticket = a.base .. ' ' .. id
    if a.stored then put(ticket) else redis.call('ZREM', K .. ':x', ticket) end
  end
  look(a.base, now(), false)
  return 1
end

-- {base, ids}: they are gone with their session
function verbs.gone(a)
  local first = string.match(redis.call('HGET', K .. ':t', a.base) or '', '^%S+ (.*)$')
  local is_first = false
  for _, id in ipairs(a.ids) do
    redis.call('ZREM', K .. ':z', a.base .. ' ' .. id)
    is_first = is_first or id == first
  end
  look(a.base, now(), is_first)
  return 1
end

-- {limit, over}: those due by now that nobody sees to: {base, look, "tries id"} …; steps that began `over` ms ago count as taken
function verbs.due(a)
  local at, found, from = now(), {}, 0
  for _, ticket in ipairs(redis.call('ZRANGE', K .. ':x', '-inf', at - a.over, 'BYSCORE', 'LIMIT', 0, a.limit)) do
    put(ticket)
    look(base_of(ticket), at, false)
  end
  while #found < a.limit do
    local page = redis.call('ZRANGE', K .. ':d', '-inf', at, 'BYSCORE', 'LIMIT', from, a.limit)
    for _, base in ipairs(page) do
      local claim = redis.call('HGET', K .. ':c', base)
      if #found < a.limit and (not claim or tonumber(claim) <= at) then
        found[#found + 1] = { base, wanted(base), redis.call('HGET', K .. ':t', base) or '' }
      end
    end
    if #page < a.limit then break end
    from = from + a.limit
  end
  return found
end

-- {base, ms} → which look was wanted last, for one caller until the time is over; '' for any other
function verbs.claim(a)
  local at = now()
  local claim, due = redis.call('HGET', K .. ':c', a.base), redis.call('ZSCORE', K .. ':d', a.base)
  if not due or tonumber(due) > at or (claim and tonumber(claim) > at) then return '' end
  redis.call('HSET', K .. ':c', a.base, string.format('%.0f', at + a.ms))
  return wanted(a.base)
end

function verbs.free(a)
  return redis.call('HDEL', K .. ':c', a.base)
end

-- {base, id, tries, due}: it is tried again then
function verbs.put_off(a)
  redis.call('HDEL', K .. ':c', a.base)
  redis.call('HSET', K .. ':t', a.base, a.tries .. ' ' .. a.id)
  return redis.call('ZADD', K .. ':d', a.due, a.base)
end

-- {base, id, look, more, free}: it is not there any more; nor is any other, unless one was put there since that look. `free`: whoever
-- saw to it says so
function verbs.over(a)
  redis.call('ZREM', K .. ':z', a.base .. ' ' .. a.id)
  if a.free then redis.call('HDEL', K .. ':c', a.base) end
  if a.more or wanted(a.base) ~= a.look then
    look(a.base, now(), true)
  else
    forget(a.base)
  end
  return 1
end

-- {base, look}: nothing was found there
function verbs.none(a)
  if wanted(a.base) == a.look then
    forget(a.base)
    redis.call('HDEL', K .. ':c', a.base)
  end
  return 1
end

-- {keep, limit}: the oldest tickets but for so many
function verbs.most(a)
  local over = math.min(redis.call('ZCARD', K .. ':z') - a.keep, a.limit)
  if over <= 0 then return {} end
  return redis.call('ZRANGE', K .. ':z', 0, over - 1)
end

-- {limit}: bases and looks
function verbs.bases(a)
  local found = {}
  for at, base in ipairs(redis.call('ZRANGE', K .. ':d', 0, a.limit - 1)) do
    found[at] = { base, wanted(base) }
  end
  return found
end

-- Nothing waits: whatever is left is forgotten, unless a step is under way. 1 when nothing is left.
function verbs.close()
  if redis.call('EXISTS', K .. ':d', K .. ':x') > 0 then return 0 end
  redis.call('DEL', K .. ':z', K .. ':e', K .. ':c', K .. ':t')
  return 1
end

return verbs[ARGV[1]](cjson.decode(ARGV[2]))
