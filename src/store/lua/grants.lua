-- Who may use the session besides its owner.
local verbs = {}
local epoch, key, kid, identity = unpack(redis.call('HMGET', S, 'epoch', 'k', 'kid', 'identity'))

-- epoch kid id sealed → 'granted', or 'gone'. One that is there already stays as it is.
function verbs.grant()
  if epoch ~= ARGV[2] then return 'gone' end
  if (kid or '') ~= ARGV[3] then return 'key' end
  redis.call('HSETNX', G, ARGV[4], string.format('%016.0f:', micros()) .. ARGV[5])
  return 'granted'
end

-- epoch → {} when the session is gone, else {epoch, its data key, its identity, {id, what was granted …}}
function verbs.all()
  if epoch ~= ARGV[2] then return {} end
  return { epoch, key or '', identity, redis.call('HGETALL', G) }
end

-- id → {} or the same of one
function verbs.one()
  local granted = redis.call('HGET', G, ARGV[2])
  if not epoch or not granted then return {} end
  return { epoch, key or '', identity, { ARGV[2], granted } }
end

-- epoch id → how many were revoked
function verbs.revoke()
  if epoch ~= ARGV[2] then return 0 end
  return redis.call('HDEL', G, ARGV[3])
end

return verbs[ARGV[1]]()
