-- lease epoch turn gen ms → 1 when it is held for so long from now on (0 ms: given back), 0 when it is lost
local epoch, id, gen = unpack(redis.call('HMGET', V, 'epoch', 'id', 'gen'))
if epoch ~= ARGV[1] or id ~= ARGV[2] or gen ~= ARGV[3] then return 0 end
redis.call('HSET', V, 'until', ARGV[4] == '0' and 0 or now() + ARGV[4])
return 1
