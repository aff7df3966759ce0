-- take ms overdue patience masters → {'none'} no turn lives, {'held', until}, {'foreign'} its data key is wrapped by none of these
-- (ids, joined), or {'taken', session, turn, 'released' | 'expired'}: the next generation owns it. [P-5]
-- Where Redis was started again since the turn began, it may have less than was read: it is left alone for as long as everybody
-- takes who followed it to look, and to say so. [P-9]
local turn = live_turn()
if not turn then return { 'none' } end
local at = now()
if tonumber(turn['until']) >= at - ARGV[2] then return { 'held', turn['until'] } end
local master = string.match(redis.call('HGET', S, 'k') or '', '^[^.]*%.([^.]*)%.')
if master and not string.find(ARGV[4], master, 1, true) then return { 'foreign' } end
local why = turn['until'] == '0' and 'released' or 'expired'
local run = run_id()
if turn.run ~= run then
  redis.call('HSET', V, 'run', run, 'until', at + ARGV[3])
  return { 'held', at + ARGV[3] }
end
wake_owner(turn)
redis.call('HINCRBY', V, 'gen', 1)
redis.call('HSET', V, 'until', at + ARGV[1], 'call', '')
return { 'taken', redis.call('HGETALL', S), view(turn.n), why }
