-- expect digest ms: a turn of that session may be admitted within that time. Written before the turn is, so that nobody forgets
-- it: what is listed here without being there is struck out by whoever finds it. A session that is listed keeps its score: the
-- turn that lives there may be due, however often somebody asks for the next one.
local at = now()
local leases, coming = KEYS[1] .. ':leases', KEYS[1] .. ':coming'
redis.call('ZREMRANGEBYSCORE', coming, '-inf', at)
redis.call('ZADD', coming, at + ARGV[2], ARGV[1])
redis.call('ZADD', leases, 'NX', at + ARGV[2], ARGV[1])
list_words(ARGV[1], at)
return 1
