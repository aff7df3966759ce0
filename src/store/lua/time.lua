-- The clock of Redis: a node's own means nothing to another one. The last argument is how far tests are ahead of it, in ms.
local function micros()
  local t = redis.call('TIME')
  return t[1] * 1000000 + t[2] + tonumber(ARGV[#ARGV]) * 1000
end

local function now()
  return math.floor(micros() / 1000)
end

-- Which start of Redis this is: it may have lost what the one before had acknowledged.
local function run_id()
  local info = redis.pcall('INFO', 'server')
  return type(info) == 'string' and string.match(info, 'run_id:(%w+)') or ''
end
