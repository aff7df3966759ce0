-- The messages of one session, as `people.lua` has them.
--   head receiver → the first one of a receiver and the data key of the session: {id, at, own, sealed, key}; {} when there is none
--   take id → {1 or 0, its receiver or '', what sealed it, 1 when another one waits for that receiver}
--   drop receiver → how many were dropped
--   all → {as it is, id, own, sealed} …
--   swap seen new → 1, or 0 when it is not there
local list = KEYS[1] .. ':m'
local PAGE = 50

-- The first one for which `fits` holds, and how it lies there.
local function find(fits)
  local from = 0
  while true do
    local page = redis.call('LRANGE', list, from, from + PAGE - 1)
    for _, packed in ipairs(page) do
      local message = cjson.decode(packed)
      if fits(message) then return message, packed end
    end
    if #page < PAGE then return nil end
    from = from + PAGE
  end
end

local function of(receiver)
  return function(message) return message[2] == receiver end
end

local verbs = {}

function verbs.head(receiver)
  local message = find(of(receiver))
  if not message then return {} end
  return { message[1], message[3], message[4], message[5], redis.call('HGET', KEYS[1] .. ':s', 'k') or '' }
end

function verbs.take(id)
  local message, packed = find(function(each) return each[1] == id end)
  if not message then return { 0, '', '', 0 } end
  redis.call('LREM', list, 1, packed)
  return { 1, message[2], message[4], find(of(message[2])) and 1 or 0 }
end

function verbs.drop(receiver)
  local count = 0
  while true do
    local _, packed = find(of(receiver))
    if not packed then return count end
    count = count + redis.call('LREM', list, 1, packed)
  end
end

function verbs.all()
  local found = {}
  for at, packed in ipairs(redis.call('LRANGE', list, 0, -1)) do
    local message = cjson.decode(packed)
    found[at] = { packed, message[1], message[4], message[5] }
  end
  return found
end

function verbs.swap(seen, new)
  local at = redis.call('LPOS', list, seen)
  if not at then return 0 end
  redis.call('LSET', list, at, new)
  return 1
end

return verbs[ARGV[1]](ARGV[2], ARGV[3])
