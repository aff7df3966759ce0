-- cancel {epoch, kid, turn, seen} → {'gone'}, {'none'}, {'ended', state}, {'cancelled', turn}, or {'moved'}: the live turn is not as it
-- was seen, so its end entry would lack words. [P-7]
local a = cjson.decode(ARGV[1])
local epoch, seq, kid = unpack(redis.call('HMGET', S, 'epoch', 'seq', 'kid'))
if epoch ~= a.epoch then return { 'gone' } end
if (kid or '') ~= a.kid then return 'key' end
local turn = live_turn()
if turn and (a.turn == '' or a.turn == turn.id) then
  if turn.id ~= a.seen.id or seq ~= a.seen.seq then return { 'moved' } end
  local at = now()
  wake_owner(turn)
  local over = { state = 'cancelled', gen = tonumber(turn.gen) + 1 }
  local id = turn.id
  close(turn, over, { { 'turn:cancelled', a.seen.data } }, at)
  touch(at)
  return { 'cancelled', id }
end
local n = a.turn ~= '' and redis.call('HGET', I, 't' .. a.turn)
local ended = n and redis.call('HGET', T, n .. '.e')
if not ended then return { 'none' } end
return { 'ended', cjson.decode(ended).state }
