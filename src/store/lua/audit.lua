-- The audit of all sessions, in one slot: a chain to which records are only added, and the index of what is on its way to it.
--   :c  stream  records, ids 0-1, 0-2, 0-3 …; fields hash and body
--   :k  hash    what is counted → how many
--   :f  zset    ids of facts that are in the chain, by the time they came (ms); those of the last day at least
--   :x  zset    outboxes that may hold something: "<base> <id>", by the time of the step (ms)
local K = KEYS[1]
local DAY_MS = 24 * 3600 * 1000
local KEPT = 10000
local verbs = {}

-- n hash (id hash body counted)… → {1} when the records were added behind record n with that hash, and none of the facts was
-- there; else nothing is added: {0, n, hash, now, the ids that are there …}.
function verbs.append()
  local last = redis.call('XREVRANGE', K .. ':c', '+', '-', 'COUNT', 1)[1]
  local n = last and string.sub(last[1], 3) or '0'
  local hash = last and last[2][2] or string.rep('0', 64)
  local known = {}
  for i = 4, #ARGV - 1, 4 do
    if redis.call('ZSCORE', K .. ':f', ARGV[i]) then known[#known + 1] = ARGV[i] end
  end
  local at = now()
  if n ~= ARGV[2] or hash ~= ARGV[3] or #known > 0 then return { 0, n, hash, at, unpack(known) } end
  for i = 4, #ARGV - 1, 4 do
    n = n + 1
    redis.call('XADD', K .. ':c', '0-' .. string.format('%.0f', n), 'hash', ARGV[i + 1], 'body', ARGV[i + 2])
    redis.call('HINCRBY', K .. ':k', ARGV[i + 3], 1)
    redis.call('ZADD', K .. ':f', at, ARGV[i])
  end
  local over = redis.call('ZCARD', K .. ':f') - KEPT
  if over > 0 then
    local old = redis.call('ZRANGE', K .. ':f', 0, math.min(over, 1000) - 1, 'WITHSCORES')
    for i = 1, #old, 2 do
      if tonumber(old[i + 1]) < at - DAY_MS then redis.call('ZREM', K .. ':f', old[i]) end
    end
  end
  return { 1 }
end

-- ticket: before a step that has facts
function verbs.expect()
  return redis.call('ZADD', K .. ':x', now(), ARGV[2])
end

-- ms limit: tickets of steps that began longer ago
function verbs.left()
  return redis.call('ZRANGE', K .. ':x', '-inf', now() - ARGV[2], 'BYSCORE', 'LIMIT', 0, ARGV[3])
end

function verbs.counts()
  return redis.call('HGETALL', K .. ':k')
end

return verbs[ARGV[1]]()
