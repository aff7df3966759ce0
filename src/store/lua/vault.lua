-- Which master keys wrap the data keys of the sessions, in one hash: id of a master key → when a node last said to wrap by it (ms).
-- The id 'plain' stands for none: sessions that are not encrypted.
local K = KEYS[1]
local verbs = {}

-- Ids in use that are not among those of the call.
local function missing()
  local here, found = { plain = true }, {}
  for i = 2, #ARGV - 1 do here[ARGV[i]] = true end
  for _, id in ipairs(redis.call('HKEYS', K)) do
    if not here[id] then found[#found + 1] = id end
  end
  return found
end

-- id…: a node has these and wraps by the first → the ids in use that it has not
function verbs.use()
  redis.call('HSET', K, ARGV[2], now())
  return missing()
end

-- The same at the start of a node: nothing is written where it lacks one. Where nobody said anything before, there may be sessions that
-- are not encrypted, and nodes that make such.
function verbs.join()
  local found = missing()
  if #found > 0 then return found end
  if redis.call('EXISTS', K) == 0 then redis.call('HSET', K, 'plain', now()) end
  return verbs.use()
end

-- ms: {id, when …} that no node has wrapped by for so long
function verbs.idle()
  local found = {}
  local flat = redis.call('HGETALL', K)
  for i = 1, #flat, 2 do
    if tonumber(flat[i + 1]) < now() - ARGV[2] then
      found[#found + 1] = flat[i]
      found[#found + 1] = flat[i + 1]
    end
  end
  return found
end

-- id when → 1 when it is forgotten, 0 when a node has wrapped by it meanwhile
function verbs.forget()
  if redis.call('HGET', K, ARGV[2]) ~= ARGV[3] then return 0 end
  return redis.call('HDEL', K, ARGV[2])
end

return verbs[ARGV[1]]()
