-- Words of a turn may lie in that session. The score changes even where it is listed, so that whoever is about to strike it out does not.
local function list_words(digest, at)
  local words = KEYS[1] .. ':words'
  if not redis.call('ZADD', words, 'XX', 'INCR', 1, digest) then redis.call('ZADD', words, at, digest) end
end
