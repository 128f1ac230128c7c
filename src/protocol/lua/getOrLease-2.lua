-- Asks for a value, or for the right to fill it, after a plain GET found none.
--
-- KEYS[1]  K, the application's key
-- KEYS[2]  M, its companion
-- ARGV[1]  token of the lease that is asked for, which only this call has
-- ARGV[2]  how long the lease lasts, ms
-- ARGV[3]  '1': a lease although there is a value, to refresh it early
--
-- Reply    {'hit', value}
--          {'bypass'}                      K or M holds something else: leave the cache alone
--          {'wait', ms}                    another reader has the lease for so long
--          {'lease', holdMs, gtid, floor}  read the primary while holdMs > 0; gtid and floor are '' where unknown

local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'none' and kind ~= 'string' then return { 'bypass' } end
if kind == 'string' and ARGV[3] ~= '1' then return { 'hit', redis.call('GET', KEYS[1]) } end

local companion = redis.call('TYPE', KEYS[2]).ok
if companion ~= 'none' and companion ~= 'hash' then return { 'bypass' } end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local fields = redis.call('HMGET', KEYS[2], 'l', 'x', 'p', 'g', 'f')
-- Its own lease the caller gets again: the reply was lost, and its client has sent the call once more.
local isOther = fields[1] and fields[1] ~= ARGV[1]
if isOther and tonumber(fields[2]) > now then return { 'wait', tonumber(fields[2]) - now } end

local lease = tonumber(ARGV[2])
redis.call('HSET', KEYS[2], 'l', ARGV[1], 'x', string.format('%.0f', now + lease))
if redis.call('PTTL', KEYS[2]) < lease then redis.call('PEXPIRE', KEYS[2], lease) end

local hold = 0
if fields[3] then hold = math.max(0, tonumber(fields[3]) - now) end
return { 'lease', hold, fields[4] or '', fields[5] or '' }
