-- take ms overdue → {'none'} no turn lives, {'held', until}, or {'taken', session, turn}: the next generation owns it. [P-5]
local turn = live_turn()
if not turn then return { 'none' } end
local at = now()
if tonumber(turn['until']) >= at - ARGV[2] then return { 'held', turn['until'] } end
wake_owner(turn)
redis.call('HINCRBY', V, 'gen', 1)
redis.call('HSET', V, 'until', at + ARGV[1], 'call', '')
return { 'taken', redis.call('HGETALL', S), view(turn.n) }
