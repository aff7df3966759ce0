-- look epoch kid verb … → {} when the session is gone, else the data key unless it is known, and
--   turn id | input digest: {view} or {false}      live: {seq, view or false}      page before limit: {{view …}}, ascending
--   whole limit: {session, {view …} of ended turns, ascending, view of the live one or false, {seq, event, data} …}
local epoch, n, seq, kid = unpack(redis.call('HMGET', S, 'epoch', 'n', 'seq', 'kid'))
if epoch ~= ARGV[1] then return {} end
local verb, key = ARGV[3], unknown_key(kid, ARGV[2])
if verb == 'turn' or verb == 'input' then
  local found = redis.call('HGET', I, string.sub(verb, 1, 1) .. ARGV[4])
  return { key, found and view(found) or false }
end

local live = redis.call('HGET', V, 'n')
if verb == 'live' then return { key, seq, live and view(live) or false } end

local function page(before, limit, skips)
  local found = {}
  local at = math.min(tonumber(n), before - 1)
  while at >= 1 and #found < limit do
    if not (skips and tostring(at) == live) then table.insert(found, 1, view(at)) end
    at = at - 1
  end
  return found
end
if verb == 'page' then return { key, page(tonumber(ARGV[4]), tonumber(ARGV[5]), false) } end

local ended = page(tonumber(n) + 1, tonumber(ARGV[4]), true)
local since = 0
if ended[1] then since = tonumber(cjson.decode(ended[1][2]).first) end
local numbers = redis.call('ZRANGEBYSCORE', H, since, '+inf')
for _, event in ipairs({ 'disclosure', 'safety:resources' }) do
  local at = redis.call('HGET', S, 'last ' .. event)
  if at then numbers[#numbers + 1] = at end
end
local answer = { key, redis.call('HGETALL', S), ended, live and view(live) or false }
for _, number in ipairs(numbers) do
  local row = redis.call('XRANGE', L, '0-' .. number, '0-' .. number)[1]
  answer[#answer + 1] = { number, row[2][2], row[2][4] }
end
return answer
