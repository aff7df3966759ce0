-- renew-epoch old new: Redis lost entries that were read already, so numbers would be given twice. Cursors of the old epoch
-- get a snapshot from now on, and its owners are fenced; the turn is taken over at once. [P-9]
if redis.call('HGET', S, 'epoch') ~= ARGV[1] then return 0 end
redis.call('HSET', S, 'epoch', ARGV[2])
if redis.call('EXISTS', V) == 1 then
  redis.call('HSET', V, 'epoch', ARGV[2], 'until', 0)
  redis.call('HINCRBY', V, 'gen', 1)
end
wake()
return 1
