-- renew_epoch old new seq → 1, or 0 when the log does go up to that number: Redis lost entries that were read already, so numbers would be given twice. Cursors of the old epoch
-- get a snapshot from now on, and its owners are fenced; the turn is taken over at once. [P-9]
local epoch, seq = unpack(redis.call('HMGET', S, 'epoch', 'seq'))
if epoch ~= ARGV[1] or tonumber(seq) >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', S, 'epoch', ARGV[2])
if redis.call('EXISTS', V) == 1 then
  redis.call('HSET', V, 'epoch', ARGV[2], 'until', 0)
  redis.call('HINCRBY', V, 'gen', 1)
end
wake()
return 1
