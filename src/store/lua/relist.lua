-- relist list digest seen score: gives an entry another score, 'now', or strikes it out (no score), unless it changed since it was
-- seen. One whose turn may be on its way is looked at again when that is over.
local key = KEYS[1] .. ':' .. ARGV[1]
local score = ARGV[4]
if redis.call('ZSCORE', key, ARGV[2]) ~= ARGV[3] then return 0 end
if score == '' and ARGV[1] == 'leases' then
  local coming = redis.call('ZSCORE', KEYS[1] .. ':coming', ARGV[2])
  if coming and tonumber(coming) > now() then score = coming end
end
if score == '' then return redis.call('ZREM', key, ARGV[2]) end
return redis.call('ZADD', key, 'CH', score == 'now' and now() or score, ARGV[2])
