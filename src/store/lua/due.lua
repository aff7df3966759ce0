-- due overdue limit → digest, score …: sessions whose lease seems to have run out so long ago, the longest first
return redis.call('ZRANGEBYSCORE', KEYS[1] .. ':leases', '-inf', now() - ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[2])
