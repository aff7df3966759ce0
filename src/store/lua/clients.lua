-- Sessions that may remember something of one client, in one slot: a zset of bases by the time of the latest step (µs).
local K = KEYS[1]
local UNDER_WAY_US = 60000000
local verbs = {}

-- base: before a step
function verbs.expect()
  return redis.call('ZADD', K, 'GT', string.format('%.0f', micros()), ARGV[2])
end

-- from limit → {base, time} …, the latest first
function verbs.latest()
  return redis.call('ZREVRANGE', K, ARGV[2], ARGV[2] + ARGV[3] - 1, 'WITHSCORES')
end

-- base…: they remember nothing of the client; struck out where no step can be under way
function verbs.drop()
  local at = micros()
  for i = 2, #ARGV - 1 do
    local time = redis.call('ZSCORE', K, ARGV[i])
    if time and at - time >= UNDER_WAY_US then redis.call('ZREM', K, ARGV[i]) end
  end
  return 0
end

return verbs[ARGV[1]]()
