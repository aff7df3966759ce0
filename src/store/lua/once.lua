-- A text for whoever takes it first: keep ms text | take → the text or nothing. In front of it is until when it may be taken.
local K = KEYS[1]
if ARGV[1] == 'keep' then
  local till = string.format('%.0f', now() + ARGV[2])
  return redis.call('SET', K, till .. ' ' .. ARGV[3], 'PX', ARGV[2])
end
local kept = redis.call('GETDEL', K)
if not kept then return false end
local till, text = string.match(kept, '^(%d+) (.*)$')
return tonumber(till) > now() and text
