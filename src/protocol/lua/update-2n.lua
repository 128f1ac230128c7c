-- Stores values that a change brought, where they are not older than what is known of their keys.
--
-- KEYS     K and M of each key, in turn
-- ARGV[1]  how much longer than the value its version is known, ms
-- ARGV     then for each key: version; TTL, ms; '1' to create a key that is not there; 'string' or 'hash';
--          the number of the arguments that follow; the value, or the fields and values of the hash
--
-- Reply    for each key 'stored', 'skipped' (not there), 'dropped' (was there, of unknown age, and is gone)
--          or 'refused' (older than what is known)

local tombstone = tonumber(ARGV[1])
local replies = {}
local at = 2

for index = 1, #KEYS, 2 do
  local key, companion = KEYS[index], KEYS[index + 1]
  local version, ttl, create, form = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local first = at + 5
  local last = at + 4 + tonumber(ARGV[at + 4])
  at = last + 1

  -- All that a companion may hold: nothing of it, and there is none. Another type is an error, and goes; any other
  -- error comes again.
  local fields = redis.pcall('HMGET', companion, 'f', 'u', 'l', 'x', 'p', 'g')
  if fields.err then
    if redis.call('TYPE', companion).ok ~= 'hash' then redis.call('UNLINK', companion) end
    fields = redis.call('HMGET', companion, 'f', 'u', 'l', 'x', 'p', 'g')
  end
  local floor, unversioned = fields[1], fields[2]
  local leased = unversioned or fields[3] or fields[4]
  local known = floor or leased or fields[5] or fields[6]
  -- Versions of two kinds differ in length, and say nothing of each other.
  if floor and #floor ~= #version then floor = false end

  local reply
  if floor and version < floor then
    reply = 'refused'
  else
    -- A value that is replaced goes even where Redis is out of memory. A new one is refused there, unless the script
    -- has written before: so the question must not be one that writes.
    local exists = (create ~= '1' or redis.call('EXISTS', key) == 1) and redis.call('UNLINK', key) == 1
    if exists and (not floor or unversioned) then
      reply = 'dropped'
    elseif not exists and create ~= '1' then
      reply = 'skipped'
    else
      if form == 'hash' then
        redis.call('HSET', key, unpack(ARGV, first, last))
        redis.call('PEXPIRE', key, ttl)
      else
        redis.call('SET', key, ARGV[first], 'PX', ttl)
      end
      reply = 'stored'
    end
    if leased then redis.call('HDEL', companion, 'l', 'x', 'u') end
    redis.call('HSET', companion, 'f', version)
    local keep = tombstone
    if reply == 'stored' then keep = keep + tonumber(ttl) end
    if not known or redis.call('PTTL', companion) < keep then redis.call('PEXPIRE', companion, keep) end
  end
  replies[#replies + 1] = reply
end
return replies
