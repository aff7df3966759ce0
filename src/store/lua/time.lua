-- The clock of Redis: a node's own means nothing to another one. The last argument is how far tests are ahead of it, in ms.
local function micros()
  local t = redis.call('TIME')
  return t[1] * 1000000 + t[2] + tonumber(ARGV[#ARGV]) * 1000
end

local function now()
  return math.floor(micros() / 1000)
end
