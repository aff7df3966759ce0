-- One look at the slots of a model: what is given back, what its node keeps, and what is new; then what is free is given out.
-- KEYS[1]    hash: born (ms; of this state), run (of the server that held it), round (the latest granted), last (arrival, in µs)
-- :q         sorted by name: those who wait, as <order><id>
-- :h         hash: id -> hosts it may run on, a JSON list
-- :r         hash: id -> host it runs on
-- :t         hash: id -> <order><client>
-- :c         sorted by name: all tickets, as <client><round><id>
-- :l         sorted: id by the end of its lease, in ms
-- :s         hash: hosts, a JSON list -> how many wait for just these
-- :w         channel: a position or a grant of somebody else has changed
-- <order> is 27 characters: 0 for those that go first, else 1; the round; the arrival.
-- <round> counts halves: of each round the even one is for turns that are the only ones of their clients when they come, the
-- odd one for others.
-- ARGV: lease in ms, slots per host, places in the queue, JSON:
--   round (the latest this node heard of), leave [id], keep [{id, client, order, host or hosts}],
--   add {id, client, first, always, hosts} or nothing
-- Answers: 'ok' or 'busy', the round, then for each kept ticket, and last for the new one: id, position or 0, host, order.
-- `hosts` is a JSON list as text. <client> has the same length for all, and no ~.
local key = KEYS[1]
local lease, size, places = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local request = cjson.decode(ARGV[4])
local at = now()
-- some of this state outlives an idle day, the rest is worth nothing once every lease ran out
local STATE_MS = 7 * 24 * 3600 * 1000
local mine = {}
local hasNews = false

-- Where Redis lost this state, or a part of it, nodes run more than it knows: they tell it before anything is given out.
local function isYoung()
  local run = run_id()
  if redis.call('HGET', key, 'run') ~= run then
    redis.call('HSET', key, 'run', run, 'born', at)
  end
  return at < tonumber(redis.call('HGET', key, 'born')) + lease / 2
end

local isClosed = isYoung()

local function arrive()
  local last = math.max(micros(), tonumber(redis.call('HGET', key, 'last') or '0') + 1)
  redis.call('HSET', key, 'last', string.format('%.0f', last))
  return string.format('%016.0f', last)
end

local function roundOf(order)
  return tonumber(order:sub(2, 11))
end

local function latestRound()
  return tonumber(redis.call('HGET', key, 'round') or '0')
end

local function reachRound(round)
  if round > latestRound() then
    redis.call('HSET', key, 'round', round)
  end
end

-- The even half of the round after this one.
local function nextRound(half)
  return half - half % 2 + 2
end

local function roundFor(client)
  local round = nextRound(latestRound())
  local own = redis.call('ZRANGE', key .. ':c', '[' .. client .. '~', '[' .. client, 'BYLEX', 'REV', 'LIMIT', 0, 1)[1]
  if own then
    round = math.max(round, nextRound(tonumber(own:sub(#client + 1, #client + 10))) + 1)
  end
  return string.format('%010d', round)
end

local function isLast(rank)
  return rank == redis.call('ZCARD', key .. ':q') - 1
end

local function forget(hosts)
  if redis.call('HINCRBY', key .. ':s', hosts, -1) == 0 then
    redis.call('HDEL', key .. ':s', hosts)
  end
end

-- Out of the queue, if it is there.
local function unqueue(id, order)
  local rank = redis.call('ZRANK', key .. ':q', order .. id)
  if not rank then
    return
  end
  hasNews = hasNews or not isLast(rank)
  redis.call('ZREM', key .. ':q', order .. id)
  forget(redis.call('HGET', key .. ':h', id))
  redis.call('HDEL', key .. ':h', id)
end

local function drop(id)
  local facts = redis.call('HGET', key .. ':t', id)
  if not facts then
    return
  end
  local order, client = facts:sub(1, 27), facts:sub(28)
  unqueue(id, order)
  redis.call('HDEL', key .. ':r', id)
  redis.call('HDEL', key .. ':t', id)
  redis.call('ZREM', key .. ':l', id)
  redis.call('ZREM', key .. ':c', client .. order:sub(2, 11) .. id)
end

local function renew(id)
  redis.call('ZADD', key .. ':l', at + lease, id)
  mine[id] = true
end

local function hold(id, client, order)
  redis.call('HSET', key .. ':t', id, order .. client)
  redis.call('ZADD', key .. ':c', 0, client .. order:sub(2, 11) .. id)
  renew(id)
end

local function wait(id, order, hosts)
  if redis.call('ZADD', key .. ':q', 0, order .. id) == 1 then
    hasNews = hasNews or not isLast(redis.call('ZRANK', key .. ':q', order .. id))
  end
  local before = redis.call('HGET', key .. ':h', id)
  if before then
    forget(before)
  end
  redis.call('HSET', key .. ':h', id, hosts)
  redis.call('HINCRBY', key .. ':s', hosts, 1)
end

local function run(id, order, host)
  hasNews = hasNews or not mine[id]
  unqueue(id, order)
  redis.call('HSET', key .. ':r', id, host)
  -- one that goes first is out of turn
  if order:sub(1, 1) == '1' then
    reachRound(roundOf(order))
  end
end

local function isAsToldBy(ticket)
  if ticket.host then
    return redis.call('HGET', key .. ':r', ticket.id) == ticket.host
  end
  return redis.call('HGET', key .. ':h', ticket.id) == ticket.hosts
end

local function keep(ticket)
  if isAsToldBy(ticket) then
    return renew(ticket.id)
  end
  hold(ticket.id, ticket.client, ticket.order)
  if ticket.host then
    run(ticket.id, ticket.order, ticket.host)
  elseif not redis.call('HGET', key .. ':r', ticket.id) then
    wait(ticket.id, ticket.order, ticket.hosts)
  end
end

-- Free slots by host, where any was taken.
local function room()
  local free = {}
  for _, host in ipairs(redis.call('HVALS', key .. ':r')) do
    free[host] = (free[host] or size) - 1
  end
  return free
end

local function firstFree(hosts, free)
  for _, host in ipairs(hosts) do
    if (free[host] or size) > 0 then
      return host
    end
  end
end

local function idsOf(members)
  local ids = {}
  for at, member in ipairs(members) do
    ids[at] = member:sub(28)
  end
  return ids
end

-- Where somebody waits for it: the first free host of a list, by that list.
local function openings(free)
  local open = {}
  for _, hosts in ipairs(redis.call('HKEYS', key .. ':s')) do
    open[hosts] = firstFree(cjson.decode(hosts), free)
  end
  return open
end

local function give()
  local free = room()
  local open = openings(free)
  local from = 0
  while next(open) and not isClosed do
    local batch = redis.call('ZRANGE', key .. ':q', from, from + 99)
    if #batch == 0 then
      return
    end
    local ids = idsOf(batch)
    for at, hosts in ipairs(redis.call('HMGET', key .. ':h', unpack(ids))) do
      local host = open[hosts]
      if host then
        run(ids[at], batch[at]:sub(1, 27), host)
        free[host] = (free[host] or size) - 1
        open = openings(free)
      else
        from = from + 1
      end
    end
  end
end

local function add(ticket)
  local isFree = not isClosed and firstFree(cjson.decode(ticket.hosts), room())
  if not isFree and not ticket.always and redis.call('ZCARD', key .. ':q') >= places then
    return false
  end
  local order = (ticket.first and '0' or '1') .. roundFor(ticket.client) .. arrive()
  hold(ticket.id, ticket.client, order)
  wait(ticket.id, order, ticket.hosts)
  return true
end

-- where Redis lost it, it does not begin again: those who wait would be put off
reachRound(request.round)
for _, id in ipairs(redis.call('ZRANGE', key .. ':l', '-inf', at, 'BYSCORE')) do
  drop(id)
end
for _, id in ipairs(request.leave) do
  drop(id)
end
for _, ticket in ipairs(request.keep) do
  keep(ticket)
end
give()
local isIn = true
if request.add then
  isIn = add(request.add)
  give()
end

local answer = { isIn and 'ok' or 'busy', latestRound() }
local function tell(id, order)
  local rank = redis.call('ZRANK', key .. ':q', order .. id)
  local host = not rank and redis.call('HGET', key .. ':r', id) or ''
  table.insert(answer, { id, rank and rank + 1 or 0, host, order })
end
for _, ticket in ipairs(request.keep) do
  tell(ticket.id, ticket.order)
end
if request.add and isIn then
  tell(request.add.id, redis.call('HGET', key .. ':t', request.add.id):sub(1, 27))
end

redis.call('PEXPIRE', key, STATE_MS)
for _, suffix in ipairs({ ':q', ':h', ':r', ':t', ':c', ':l', ':s' }) do
  redis.call('PEXPIRE', key .. suffix, 2 * lease)
end
if hasNews then
  redis.call('SPUBLISH', key .. ':w', '')
end
return answer
