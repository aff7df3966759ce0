-- take ms overdue epoch → {'none'} no turn lives, {'held', until}, or {'taken', session, turn}: the next generation owns it. [P-5]
-- Where Redis was started again since the turn began, followers may have read more than is there: the log goes on under that epoch. [P-9]
local turn = live_turn()
if not turn then return { 'none' } end
local at = now()
if tonumber(turn['until']) >= at - ARGV[2] then return { 'held', turn['until'] } end
wake_owner(turn)
redis.call('HINCRBY', V, 'gen', 1)
redis.call('HSET', V, 'until', at + ARGV[1], 'call', '')
local run = run_id()
if turn.run ~= run then
  redis.call('HSET', S, 'epoch', ARGV[3])
  redis.call('HSET', V, 'epoch', ARGV[3], 'run', run)
end
return { 'taken', redis.call('HGETALL', S), view(turn.n) }
