-- read epoch after limit chars known overdue kid → {} when the session is gone, else {head, live turn, what it was asked unless that is known,
-- whether it is long overdue, the data key unless that is known, {seq, event, data} …}: at most so many entries and characters, but one entry at least.
local epoch, head, kid = unpack(redis.call('HMGET', S, 'epoch', 'seq', 'kid'))
if epoch ~= ARGV[1] then return {} end
local turn = redis.call('HGETALL', V)
local asked, late = '', 0
if #turn > 0 then
  local found = fields_of(turn)
  if tonumber(found['until']) < now() - ARGV[6] then late = 1 end
  if found.id ~= ARGV[5] then asked = redis.call('HGET', T, found.n) end
end
local answer = { head, turn, asked, late, unknown_key(kid, ARGV[7]) }
local after, left, chars = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
while left > 0 and tonumber(after) < tonumber(head) do
  local rows = redis.call('XRANGE', L, '(0-' .. after, '+', 'COUNT', math.min(left, 100))
  if #rows == 0 then break end
  for _, row in ipairs(rows) do
    -- base64 is longer than what it holds
    chars = chars - #row[2][4] * (string.sub(row[2][4], 1, 1) == '2' and 0.75 or 1)
    if chars < 0 and #answer > 5 then return answer end
    after = string.sub(row[1], 3)
    answer[#answer + 1] = { after, row[2][2], row[2][4] }
  end
  left = left - #rows
end
return answer
