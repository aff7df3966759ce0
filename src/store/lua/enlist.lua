-- enlist digest ms: a turn of that session may live from now on. Written before the turn is, so that nobody forgets it: what is
-- listed here without being there is struck out by whoever finds it.
local at = now()
redis.call('ZADD', KEYS[1] .. ':leases', at + ARGV[2], ARGV[1])
-- the score changes even where it is there, so that whoever is about to strike it out does not
if not redis.call('ZADD', KEYS[1] .. ':words', 'XX', 'INCR', 1, ARGV[1]) then redis.call('ZADD', KEYS[1] .. ':words', at, ARGV[1]) end
return 1
