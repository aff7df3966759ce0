-- compact before limit → {turns whose words were dropped, when the next one ended or nothing, whether a turn lives}
local found = redis.call('ZRANGEBYSCORE', C, '-inf', '(' .. ARGV[1], 'LIMIT', 0, ARGV[2])
for _, n in ipairs(found) do
  local ended = redis.call('HGET', T, n .. '.e')
  local turn = cjson.decode(ended)
  local dropped = {}
  for _, row in ipairs(redis.call('XRANGE', L, '0-' .. turn.first, '0-' .. turn.last)) do
    local event = row[2][2]
    if event == 'therapist:token' or event == 'therapist:reset' then dropped[#dropped + 1] = row[1] end
    if #dropped == 500 then
      redis.call('XDEL', L, unpack(dropped))
      dropped = {}
    end
  end
  if #dropped > 0 then redis.call('XDEL', L, unpack(dropped)) end
  redis.call('ZREM', C, n)
end
local next_one = redis.call('ZRANGE', C, 0, 0, 'WITHSCORES')
return { #found, next_one[2] or '', redis.call('EXISTS', V) }
