// Everything that lies in a Redis under some keys, as one text: what a test may look for, or compare.
import type { RedisProcess } from './redis-server.ts';

const script = `
local found = {}
local function put(value)
  if type(value) == 'table' then
    for _, one in ipairs(value) do put(one) end
  else
    found[#found + 1] = tostring(value)
  end
end
local reads = {
  hash = function(key)
    local names = redis.call('HKEYS', key)
    table.sort(names)
    local flat = {}
    for _, name in ipairs(names) do
      flat[#flat + 1] = name
      flat[#flat + 1] = redis.call('HGET', key, name)
    end
    return flat
  end,
  stream = function(key) return redis.call('XRANGE', key, '-', '+') end,
  zset = function(key) return redis.call('ZRANGE', key, 0, -1, 'WITHSCORES') end,
  list = function(key) return redis.call('LRANGE', key, 0, -1) end,
  set = function(key) return redis.call('SMEMBERS', key) end,
  string = function(key) return redis.call('GET', key) end,
}
local keys = redis.call('KEYS', ARGV[1])
table.sort(keys)
for _, key in ipairs(keys) do
  put(key)
  put(reads[redis.call('TYPE', key).ok](key))
end
return found
`;

/** `keys` is a pattern. */
export const dumpOf = (redis: RedisProcess, keys: string): Promise<string> =>
  redis.command('EVAL', script, '0', keys);
