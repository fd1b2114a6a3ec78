// The scripts of the places on hosts. Redis runs each as a whole and by its own clock, so a limit holds for all processes.
import { Script } from "./client.ts";

/**
 * The hash of a host has a field for each maildrop that has a place, `<until> <token> <since>`; and `:limit`; `:mean`
 * and `:count` (of sessions in the mean); `:last`, when a place was last taken; and `:step`, the time between two of them
 * while others waited for one. Times are in milliseconds. The fields of maildrops are digests, without a colon. The sorted
 * set has the maildrops that wait; their scores are their reserved times.
 */
const BEGIN = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/**
 * Takes a place, or reserves a time. ARGV: maildrop, token, limit, milliseconds of a place, the mean of a new host, how
 * long a place is left free for a maildrop that is late, when one that is late is forgotten.
 * Returns 0, or in how many milliseconds to come again.
 */
export const TAKE: Script = new Script(`${BEGIN}
local limit = tonumber(ARGV[3])
local all = redis.call('HGETALL', KEYS[1])
local taken, own, mean, step, last = 0, false, tonumber(ARGV[5]), 0, now
for at = 1, #all, 2 do
  local field, value = all[at], all[at + 1]
  if field == ':mean' then mean = tonumber(value)
  elseif field == ':step' then step = tonumber(value)
  elseif field == ':last' then last = tonumber(value)
  elseif string.sub(field, 1, 1) ~= ':' then
    if tonumber(string.match(value, '^%d+')) <= now then redis.call('HDEL', KEYS[1], field)
    elseif field == ARGV[1] then own = true
    else taken = taken + 1 end
  end
end
redis.call('HSET', KEYS[1], ':limit', ARGV[3], ':mean', mean)
redis.call('PEXPIRE', KEYS[1], ARGV[4] * 2)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[7])
local mine = redis.call('ZSCORE', KEYS[2], ARGV[1])
-- Whose time has come takes any free place: to wait for an earlier one that has not asked would leave the place idle. One
-- that comes too early gives way to those with earlier times, and a new one to all that are due before the next place is free.
local isDue = mine and tonumber(mine) <= now
local ahead = isDue and 0 or redis.call('ZCOUNT', KEYS[2], now - ARGV[6], mine and '(' .. mine or now + mean / limit)
if own or taken + ahead < limit then
  if mine then redis.call('ZREM', KEYS[2], ARGV[1]) end
  -- While others are due, the time between two places is what the host can do. If none is, it would be the time between
  -- two that ask, so the value returns to that of the mean.
  step = math.max(step, mean / limit)
  if redis.call('ZCOUNT', KEYS[2], now - ARGV[6], now) > 0 then step = step + (math.min(now - last, 4 * step) - step) / 16
  else step = step * 0.97 end
  redis.call('HSET', KEYS[1], ':last', string.format('%.0f', now), ':step', string.format('%.3f', step))
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %s %.0f', now + ARGV[4], ARGV[2], now))
  return 0
end
local longest, wait = tonumber(ARGV[4]), nil
step = math.max(step, mean / limit)
if mine then
  -- Its rank stays.
  wait = math.max(mine - now, (redis.call('ZRANK', KEYS[2], ARGV[1]) + 1) * step)
else
  -- After the last one. If sessions have become longer since the times were reserved, later than that.
  local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2] or now
  wait = math.min(math.max(last - now, redis.call('ZCARD', KEYS[2]) * step) + step, longest)
  redis.call('ZADD', KEYS[2], string.format('%.3f', now + wait), ARGV[1])
  redis.call('PEXPIRE', KEYS[2], longest * 2)
end
return math.ceil(math.min(wait, longest))
`);

/** Renews a place. ARGV: maildrop, token, milliseconds of a place. */
export const RENEW: Script = new Script(`${BEGIN}
local token, since = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', ' (%S+) (%d+)$')
if token ~= ARGV[2] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[3] * 2)
return redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %s %s', now + ARGV[3], token, since))
`);

/** Gives a place back. ARGV: maildrop, token, how long its session took in milliseconds, or "" if it has failed. */
export const RELEASE: Script = new Script(`${BEGIN}
local token, since = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', ' (%S+) (%d+)$')
if token ~= ARGV[2] then return 0 end
local mean = tonumber(redis.call('HGET', KEYS[1], ':mean'))
if ARGV[3] ~= '' then
  -- The place was taken for a little longer than the session: until this command has come.
  local ms = math.max(ARGV[3], now - since)
  -- The mean of the last eight or so. A single long session must not make all others wait.
  local count = math.min((tonumber(redis.call('HGET', KEYS[1], ':count')) or 0) + 1, 8)
  if count > 1 then ms = math.min(ms, 4 * mean + 100) end
  redis.call('HSET', KEYS[1], ':count', count, ':mean', string.format('%.3f', mean + (ms - mean) / count))
end
return redis.call('HDEL', KEYS[1], ARGV[1])
`);

/** Returns the limit, the mean, until when times are reserved, and how many places are taken. */
export const LOOK: Script = new Script(`${BEGIN}
local all = redis.call('HGETALL', KEYS[1])
local taken, meta = 0, {}
for at = 1, #all, 2 do
  if string.sub(all[at], 1, 1) == ':' then meta[all[at]] = all[at + 1]
  elseif tonumber(string.match(all[at + 1], '^%d+')) > now then taken = taken + 1 end
end
local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2]
return {meta[':limit'] or '', meta[':mean'] or '', last or '0', taken}
`);
