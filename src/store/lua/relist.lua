-- relist list digest seen score: gives an entry another score, 'now', or strikes it out (no score), unless it changed since it was seen
local key = KEYS[1] .. ':' .. ARGV[1]
if redis.call('ZSCORE', key, ARGV[2]) ~= ARGV[3] then return 0 end
if ARGV[4] == '' then return redis.call('ZREM', key, ARGV[2]) end
return redis.call('ZADD', key, 'CH', ARGV[4] == 'now' and now() or ARGV[4], ARGV[2])
