-- Stores values that a change brought, where they are not older than what is known of their keys.
--
-- KEYS     K and M of each key, in turn
-- ARGV[1]  how long the version of a stored value is kept, ms: longer than any TTL, by the next one
-- ARGV[2]  how long a version without a value is kept, ms
-- ARGV[3]  's' strings, 'h' hashes; 'S' and 'H' are created where the key is not there
-- ARGV     then for each key: version; TTL, ms; the value, or of a hash how many arguments follow, fields and values
--
-- Reply    a letter for each key: 's' stored, 'k' skipped (not there), 'd' dropped (was there, of unknown age, and is
--          gone), 'r' refused (older than what is known)

local KEYS, ARGV, call, pcall = KEYS, ARGV, redis.call, redis.pcall
local kept, tombstone, form = ARGV[1], ARGV[2], ARGV[3]
local create, hash = form == 'S' or form == 'H', form == 'h' or form == 'H'
local replies = {}
local at = 4

for index = 1, #KEYS, 2 do
  local key, companion = KEYS[index], KEYS[index + 1]
  local version, ttl = ARGV[at], ARGV[at + 1]
  local first, last = at + 2, at + 2
  if hash then first, last = at + 3, at + 2 + tonumber(ARGV[at + 2]) end
  at = last + 1

  -- Another type than a hash is an error, and goes; any other error comes again.
  local fields = pcall('HMGET', companion, 'f', 'u', 'l', 'x')
  if fields.err then
    if call('TYPE', companion).ok ~= 'hash' then call('UNLINK', companion) end
    fields = call('HMGET', companion, 'f', 'u', 'l', 'x')
  end
  local floor, unversioned = fields[1], fields[2]
  local leased = unversioned or fields[3] or fields[4]
  -- Versions of two kinds differ in length, and say nothing of each other.
  local comparable = floor and #floor == #version

  local reply
  if comparable and version < floor then
    reply = 'r'
  else
    local trusted = comparable and not unversioned
    -- Most values need nothing else. Where Redis is out of memory this is refused, and what is there has to go first.
    local set
    if not hash then
      if create and trusted then set = pcall('SET', key, ARGV[first], 'PX', ttl)
      elseif create then set = pcall('SET', key, ARGV[first], 'PX', ttl, 'NX')
      elseif trusted then set = pcall('SET', key, ARGV[first], 'PX', ttl, 'XX') end
    end
    if set and set.ok then
      reply = 's'
    elseif set == false and not create then
      reply = 'k'
    else
      -- A value that is replaced goes even where Redis is out of memory. A new one is refused there, unless the script
      -- has written before: so the question must not be one that writes.
      local exists = (not create or call('EXISTS', key) == 1) and call('UNLINK', key) == 1
      if exists and not trusted then
        reply = 'd'
      elseif not exists and not create then
        reply = 'k'
      else
        if hash then
          call('HSET', key, unpack(ARGV, first, last))
          call('PEXPIRE', key, ttl)
        else
          call('SET', key, ARGV[first], 'PX', ttl)
        end
        reply = 's'
      end
    end
    if leased then call('HDEL', companion, 'l', 'x', 'u') end
    call('HSET', companion, 'f', version)
    local keep = reply == 's' and kept or tombstone
    -- A companion that was there has an end, which is not to come nearer; a new one has none.
    local likely, other = 'NX', 'GT'
    if floor then likely, other = other, likely end
    if call('PEXPIRE', companion, keep, likely) == 0 then call('PEXPIRE', companion, keep, other) end
  end
  replies[#replies + 1] = reply
end
return table.concat(replies)
