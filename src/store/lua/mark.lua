-- mark epoch turn gen phase position → 1, or 0 when it is fenced
local turn = held(ARGV[1], ARGV[2], ARGV[3])
if not turn then return 0 end
local at = turn.phase == ARGV[4] and turn.phaseAt or now()
set(V, { phase = ARGV[4], phaseAt = at, pos = ARGV[5] })
wake()
return 1
