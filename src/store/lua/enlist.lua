-- enlist digest ms: a turn of that session lives, and its lease runs so long.
local at = now()
redis.call('ZADD', KEYS[1] .. ':leases', at + ARGV[2], ARGV[1])
list_words(ARGV[1], at)
return 1
