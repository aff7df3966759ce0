-- append epoch turn gen lease kid (event at length fingerprint data)… → number of the last entry; 'fenced'; 'unclear' when the
-- words do not fit behind the reply. Renews the lease. [P-5]
local names = { 'epoch', 'id', 'gen', 'len', 'call', 'firstText', 'idle', 'kid' }
local turn = {}
for i, value in ipairs(redis.call('HMGET', V, unpack(names))) do turn[names[i]] = value end
if turn.epoch ~= ARGV[1] or turn.id ~= ARGV[2] or turn.gen ~= ARGV[3] then return 'fenced' end
if (turn.kid or '') ~= ARGV[5] then return 'key' end
local words = {}
for i = 6, #ARGV - 1, 5 do words[#words + 1] = { ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4] } end
local at = now()
local seq = say(turn, words, at)
if not seq then return 'unclear' end
local change = { 'until', at + ARGV[4] }
if turn.last then
  change = { 'until', at + ARGV[4], 'len', turn.len, 'last', turn.last, 'call', turn.call }
  if turn.firstText == at or turn.idle == 0 then
    for _, value in ipairs({ 'firstText', turn.firstText, 'idle', turn.idle }) do change[#change + 1] = value end
  end
  wake(seq)
end
redis.call('HSET', V, unpack(change))
return seq
