-- Removes keys, and refuses what was read before: leases are void, older versions are below the floor.
--
-- KEYS     K and M of each key, in turn
-- ARGV[1]  how long versions are kept, ms
-- ARGV[2]  how long readers have to read the primary, ms; 0: not at all
-- ARGV[3]  GTIDs of the change, '' if unknown
-- ARGV[4]  version of the change to the first key, '' if it has none; then those of the others
--
-- Reply    how many keys existed

local tombstone, hold, gtid = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local keep = string.format('%.0f', math.max(tombstone, hold))
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local removed = 0

for index = 1, #KEYS, 2 do
  local key, companion = KEYS[index], KEYS[index + 1]
  -- First, so that Redis executes the rest even where it is out of memory.
  removed = removed + redis.call('UNLINK', key)
  -- All that a companion may hold: nothing of it, and there is none. Another type is an error, and goes; any other
  -- error comes again.
  local fields = redis.pcall('HMGET', companion, 'f', 'u', 'l', 'x', 'p', 'g')
  if fields.err then
    if redis.call('TYPE', companion).ok ~= 'hash' then redis.call('UNLINK', companion) end
    fields = redis.call('HMGET', companion, 'f', 'u', 'l', 'x', 'p', 'g')
  end
  local floor, leased = fields[1], fields[2] or fields[3] or fields[4]
  if leased then redis.call('HDEL', companion, 'l', 'x', 'u') end

  local version = ARGV[4 + (index - 1) / 2]
  if version ~= '' and (not floor or #floor ~= #version or floor < version) then
    redis.call('HSET', companion, 'f', version)
  end
  if hold > 0 then
    local known = tonumber(fields[5] or 0)
    if known < now + hold then redis.call('HSET', companion, 'p', string.format('%.0f', now + hold)) end
    -- Of two changes during one hold, the last to come may be the older: a delayed command, another daemon. A replica
    -- that has the older passes for caught up, so then none does.
    local other = known > now and fields[6] ~= gtid
    if gtid == '' or other then redis.call('HDEL', companion, 'g') else redis.call('HSET', companion, 'g', gtid) end
  end
  -- A companion that was there has an end, which is not to come nearer; a new one has none.
  local likely, other = 'NX', 'GT'
  if floor then likely, other = other, likely end
  if redis.call('PEXPIRE', companion, keep, likely) == 0 then redis.call('PEXPIRE', companion, keep, other) end
end
return removed
