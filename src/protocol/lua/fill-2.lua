-- Stores a value that was read from the database, if the lease under which it was read is still good.
--
-- KEYS[1]  K, the application's key
-- KEYS[2]  M, its companion
-- ARGV[1]  token of the lease
-- ARGV[2]  value
-- ARGV[3]  TTL of the value, ms
-- ARGV[4]  version of the row, '' if it has none
-- ARGV[5]  where it was read: 'primary', 'caught-up' (a replica that has M's GTID), 'replica'
-- ARGV[6]  how much longer than the value its version is known, ms
--
-- Reply    'stored', or why not: 'voided', 'expired', 'hold', 'outdated', 'unknown'

if redis.call('TYPE', KEYS[2]).ok ~= 'hash' then return 'voided' end
local fields = redis.call('HMGET', KEYS[2], 'l', 'x', 'p', 'f')
if fields[1] ~= ARGV[1] then return 'voided' end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HDEL', KEYS[2], 'l', 'x')
if tonumber(fields[2]) <= now then return 'expired' end

local version, floor = ARGV[4], fields[4]
-- Versions of two kinds differ in length, and say nothing of each other.
local comparable = version ~= '' and floor and #version == #floor
if comparable and version < floor then return 'outdated' end
if ARGV[5] == 'replica' then
  if fields[3] and tonumber(fields[3]) > now then return 'hold' end
  if not comparable then return 'unknown' end
end

redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if version == '' then
  -- The floor says nothing of this value: an update may not take it for older than itself.
  if floor then redis.call('HSET', KEYS[2], 'u', '1') end
else
  -- First: without any field M would go, and with it how long it is to stay.
  redis.call('HSET', KEYS[2], 'f', version)
  redis.call('HDEL', KEYS[2], 'u')
  local keep = tonumber(ARGV[3]) + tonumber(ARGV[6])
  if redis.call('PTTL', KEYS[2]) < keep then redis.call('PEXPIRE', KEYS[2], keep) end
end
return 'stored'
