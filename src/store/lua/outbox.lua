-- outbox id… → how many facts are left, after those that begin it with these ids were taken away: they are in the audit.
local outbox = KEYS[1] .. ':o'
local moved = {}
for i = 1, #ARGV - 1 do moved[ARGV[i]] = true end
while true do
  local first = redis.call('LINDEX', outbox, 0)
  if not first or not moved[string.match(first, '^%S+')] then break end
  redis.call('LPOP', outbox)
end
return redis.call('LLEN', outbox)
