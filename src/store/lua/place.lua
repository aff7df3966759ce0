-- place digest owner → the place of a new session in the lists of its tenant: KEYS[1] names the tenant
local place = string.format('%016.0f:', micros()) .. ARGV[1]
redis.call('ZADD', KEYS[1] .. ':all', 0, place)
redis.call('ZADD', KEYS[1] .. ':of ' .. ARGV[2], 0, place)
return place
