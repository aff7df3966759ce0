-- What the scripts of a session share. All keys of one session begin with KEYS[1], which has the hash tag of the session,
-- so they lie in one slot, and nothing outside of them is touched:
--   :s  hash    the session: plain what scripts decide by, sealed what people said; k: its data key, wrapped; kid: a name of that key,
--               however it is wrapped. Without them nothing of the session is encrypted
--   :l  stream  the log, ids 0-1, 0-2, 0-3 …; fields e (event) and d (sealed data)
--   :v  hash    the live turn, if there is one; kid as in :s
--   :t  hash    n → what was asked (sealed); n.e → how the turn ended (JSON)
--   :i  hash    i<digest of an input id> → n; t<turn id> → n
--   :c  zset    ended turns whose single words are still there, by the time of their end
--   :h  zset    numbers of the messages of people
--   :g  hash    capability id → 16 digits of µs, a colon, and who may do what (sealed)
--   :a  hash    alerts        :o  list  facts on their way to the audit        :m  list  messages on their way to receivers
--   :x  hash    epochs that are over
-- A script looks, refuses if it must, and only then writes. Whoever brings something sealed says by which key (its kid); where the
-- session has another one the answer is 'key', and nothing is written.
local B = KEYS[1]
local S, L, V, T, I, C, H, X = B .. ':s', B .. ':l', B .. ':v', B .. ':t', B .. ':i', B .. ':c', B .. ':h', B .. ':x'
local G = B .. ':g'

-- A wake-up says how far the log goes at least, so that whoever has that already need not look; nothing, when something else changed.
local function wake(seq)
  redis.call('SPUBLISH', B, seq or '')
end

-- The same, and that nobody owns this generation of the turn any more.
local function wake_owner(turn)
  redis.call('SPUBLISH', B, 'over ' .. turn.id .. ' ' .. turn.gen)
end

-- The wrapped data key ('' for none), for whoever knows another one, or none; else false.
local function unknown_key(kid, known)
  return (kid or '') ~= known and (redis.call('HGET', S, 'k') or '')
end

local function fields_of(flat)
  local found = {}
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return found
end

local function set(key, values)
  local flat = {}
  for name, value in pairs(values) do
    flat[#flat + 1] = name
    flat[#flat + 1] = value
  end
  if #flat > 0 then redis.call('HSET', key, unpack(flat)) end
end

-- The live turn, or nil. [P-5]
local function live_turn()
  local turn = fields_of(redis.call('HGETALL', V))
  if turn.id then return turn end
end

local function held(epoch, id, gen)
  local turn = live_turn()
  if turn and turn.id == id and turn.gen == gen and turn.epoch == epoch then return turn end
end

-- Adds entries {event, data} behind number seq; answers the number of the last.
local function add(seq, entries)
  for _, entry in ipairs(entries) do
    local event = entry[1]
    seq = seq + 1
    redis.call('XADD', L, '0-' .. seq, 'e', event, 'd', entry[2])
    if event == 'disclosure' or event == 'safety:resources' then redis.call('HSET', S, 'last ' .. event, seq) end
    if event == 'human:message' then redis.call('ZADD', H, seq, seq) end
  end
  redis.call('HSET', S, 'seq', seq)
  return seq
end

-- The words {event, at, length, fingerprint, data} of a call that are new, and the length of the reply with them. A call
-- that begins with all of the one before is its repeat, as far as that goes. Nil when they do not fit behind the reply.
local function fresh(turn, words)
  local first, call = 1, ''
  for i, word in ipairs(words) do
    call = call .. word[4] .. ','
    if call == turn.call then first = i + 1 end
  end
  local found, length = {}, tonumber(turn.len)
  for i = first, #words do
    local word = words[i]
    if word[1] == 'therapist:token' then
      if tonumber(word[2]) ~= length then return nil end
      length = length + word[3]
    else
      length = tonumber(word[3])
    end
    found[#found + 1] = { word[1], word[5], tonumber(word[3]) }
  end
  return found, length, call
end

-- Appends the new ones of these words, changes `turn` with them, and answers the number of the last entry; nil when they do not fit.
local function say(turn, words, at)
  local found, length, call = fresh(turn, words)
  if not found then return nil end
  if #found == 0 then return tonumber(redis.call('HGET', S, 'seq')) end
  local seq = redis.call('HINCRBY', S, 'seq', #found)
  local has_text = false
  for i, word in ipairs(found) do
    redis.call('XADD', L, '0-' .. (seq - #found + i), 'e', word[1], 'd', word[2])
    has_text = has_text or (word[1] == 'therapist:token' and word[3] > 0)
  end
  turn.len, turn.last, turn.call = length, seq, call
  if has_text and turn.firstText == '' then turn.firstText = at end
  if has_text then turn.idle = 0 end
  return seq
end

local function touch(at)
  redis.call('HINCRBY', S, 'v', 1)
  redis.call('HSET', S, 'at', at)
end

-- Appends the end entry and what follows it, and closes the turn. [P-8]
local function close(turn, over, entries, at)
  local last = tonumber(redis.call('HGET', S, 'seq')) + 1
  local seq = add(last - 1, entries)
  for name, value in pairs(over) do turn[name] = value end
  turn.last, turn.ended, turn.pos = last, at, ''
  for _, name in ipairs({ 'memory', 'call', 'until', 'node', 'human', 'epoch', 'run', 'kid' }) do turn[name] = nil end
  redis.call('HSET', T, turn.n .. '.e', cjson.encode(turn))
  redis.call('DEL', V)
  redis.call('ZADD', C, at, turn.n)
  return seq
end

-- The entries of words from number `first` on.
local function words_from(first)
  local found = {}
  for _, row in ipairs(redis.call('XRANGE', L, '0-' .. first, '+')) do
    local event = row[2][2]
    if event == 'therapist:token' or event == 'therapist:reset' then found[#found + 1] = { event, row[2][4] } end
  end
  return found
end

-- {what was asked, the state of the turn, its words while it lives, its end entry afterwards}; nil when there is no such turn.
local function view(n)
  local asked, ended = unpack(redis.call('HMGET', T, n, n .. '.e'))
  if not asked then return nil end
  if not ended then
    local turn = redis.call('HGETALL', V)
    return { asked, turn, words_from(fields_of(turn).first), {} }
  end
  local last = cjson.decode(ended).last
  local entry = redis.call('XRANGE', L, '0-' .. last, '0-' .. last)[1]
  return { asked, ended, {}, { last, entry[2][2], entry[2][4] } }
end
