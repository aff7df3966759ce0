-- fence epoch turn: nobody owns the turn any more; it is taken over when its lease runs out, unless it is ended before. [P-7]
local turn = live_turn()
if not turn or turn.epoch ~= ARGV[1] or turn.id ~= ARGV[2] then return 0 end
wake_owner(turn)
redis.call('HINCRBY', V, 'gen', 1)
return 1
