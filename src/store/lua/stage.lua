-- Copies of the log and the turns of a session under keys beside it, which go by themselves if nobody puts them in their place.
-- stage log suffix (id event data)… | stage turns suffix (field value)…
local STAGE_MS = 600000
local key = B .. ':' .. ARGV[2]
if ARGV[1] == 'log' then
  for i = 3, #ARGV - 1, 3 do redis.call('XADD', key, ARGV[i], 'e', ARGV[i + 1], 'd', ARGV[i + 2]) end
else
  for i = 3, #ARGV - 1, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
end
redis.call('PEXPIRE', key, STAGE_MS)
return 1
