-- start epoch turn gen source model phase kid → the live turn, or nothing. One more model run is counted before it begins.
local turn = held(ARGV[1], ARGV[2], ARGV[3])
if not turn then return {} end
if (turn.kid or '') ~= ARGV[7] then return 'key' end
local at = now()
set(V, { source = ARGV[4], model = ARGV[5], phase = ARGV[6], phaseAt = at, pos = '', state = 'running' })
if turn.began == '' then redis.call('HSET', V, 'began', at) end
redis.call('HINCRBY', V, 'attempts', 1)
redis.call('HINCRBY', V, 'idle', 1)
wake()
return redis.call('HGETALL', V)
