-- rewrap before after → 1 when the data key of the session is wrapped anew, 0 when it is not as it was seen
if redis.call('HGET', S, 'k') ~= ARGV[1] then return 0 end
redis.call('HSET', S, 'k', ARGV[2])
return 1
