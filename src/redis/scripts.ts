// The scripts of a ledger. Redis runs each as a whole and by its own clock, so a run without the lease changes nothing.
import { Script } from "./client.ts";

/**
 * Sets `now`: milliseconds since 1970 by the clock of Redis. A missing field is an empty text. The hash of a mailbox has
 * the fields `mailbox` (its name), `state`, `keyName`, `fence`, and while a run holds it `token`, `until` and `over` (the
 * run before has died). `last` is the token of the run that has closed it.
 */
const BEGIN = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function get(field) return redis.call('HGET', KEYS[1], field) or '' end
`;

/**
 * Takes the lease. ARGV: name, token, milliseconds of the lease, "known" if the mailbox must be known already.
 * Returns "busy", "unknown", or fence, taken over, state, name in keys, whether it is new.
 */
export const TAKE: Script = new Script(`${BEGIN}
local token = get('token')
local known = redis.call('EXISTS', KEYS[1])
if known == 0 and ARGV[4] == 'known' then return 'unknown' end
if token == ARGV[2] then -- sent again, because the first answer was lost
  return {get('fence'), tonumber(get('over')), get('state'), get('keyName'), 0}
end
if token ~= '' and (tonumber(get('until')) or 0) > now then return 'busy' end
-- By the clock, so that it grows although the mailbox was deleted.
local fence = time[1] * 1000000 + time[2]
if tonumber(get('fence')) then fence = math.max(fence, tonumber(get('fence')) + 1) end
local over = token == '' and 0 or 1
fence = string.format('%.0f', fence)
redis.call('HSET', KEYS[1], 'mailbox', ARGV[1], 'token', ARGV[2], 'fence', fence, 'over', over,
  'until', string.format('%.0f', now + ARGV[3]))
return {fence, over, get('state'), get('keyName'), 1 - known}
`);

/**
 * Records changes and renews the lease. ARGV: token, fence, milliseconds of the lease, "release" or "", state or "", the
 * number of forgotten entries, these, then fields and texts of entries. Returns whether the run holds the mailbox.
 */
export const RECORD: Script = new Script(`${BEGIN}
if ARGV[4] == 'release' and get('token') == '' and get('last') == ARGV[1] then return 1 end -- sent again
if get('token') ~= ARGV[1] or get('fence') ~= ARGV[2] then return 0 end
if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'state', ARGV[5]) end
local at = 7 + ARGV[6]
for from = at, #ARGV, 500 do redis.call('HSET', KEYS[2], unpack(ARGV, from, math.min(from + 499, #ARGV))) end
for from = 7, at - 1, 500 do redis.call('HDEL', KEYS[2], unpack(ARGV, from, math.min(from + 499, at - 1))) end
if ARGV[4] == 'release' then
  redis.pcall('HSET', KEYS[1], 'last', ARGV[1]) -- not if there is no memory
  redis.call('HDEL', KEYS[1], 'token', 'until', 'over')
else
  redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + ARGV[3]))
end
return 1
`);

/** Gives up the lease; needs no memory. ARGV: token, fence or "" if it is not known. A mailbox whose last run has died is taken over again. */
export const GIVE_UP: Script = new Script(`${BEGIN}
if get('token') ~= ARGV[1] or (ARGV[2] ~= '' and get('fence') ~= ARGV[2]) then return 0 end
if get('over') == '1' then redis.call('HDEL', KEYS[1], 'until') else redis.call('HDEL', KEYS[1], 'token', 'until', 'over') end
return 1
`);

/** Renews the lease. ARGV: token, fence, milliseconds of the lease. Returns whether the run holds the mailbox. */
export const RENEW: Script = new Script(`${BEGIN}
if get('token') ~= ARGV[1] or get('fence') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + ARGV[3]))
return 1
`);

/** Returns name, state, name in keys, whether a run holds the mailbox, and its entries if ARGV[1] is "entries". */
export const READ: Script = new Script(`${BEGIN}
local held = get('token') ~= '' and (tonumber(get('until')) or 0) > now and 1 or 0
local entries = ARGV[1] == 'entries' and redis.call('HGETALL', KEYS[2]) or {}
return {get('mailbox'), get('state'), get('keyName'), held, entries}
`);

/** Forgets a mailbox, but for its name in keys. Returns "busy", or whether it was known. */
export const DELETE: Script = new Script(`${BEGIN}
if get('token') ~= '' and (tonumber(get('until')) or 0) > now then return 'busy' end
local known = redis.call('EXISTS', KEYS[1])
redis.call('DEL', KEYS[2])
if get('keyName') == '' then redis.call('DEL', KEYS[1]) else redis.call('HDEL', KEYS[1], 'state', 'token', 'until', 'over') end
return known
`);

/**
 * Replaces what a mailbox knows, and releases it. ARGV: token, fence, name in keys or "", "over" if its last run has died,
 * state, then fields and texts of entries. Returns whether the run held the mailbox.
 */
export const REPLACE: Script = new Script(`${BEGIN}
if get('token') ~= ARGV[1] or get('fence') ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[1], 'state', ARGV[5], 'keyName', ARGV[3])
for from = 6, #ARGV, 500 do redis.call('HSET', KEYS[2], unpack(ARGV, from, math.min(from + 499, #ARGV))) end
if ARGV[4] == 'over' then redis.call('HDEL', KEYS[1], 'until') else redis.call('HDEL', KEYS[1], 'token', 'until', 'over') end
return 1
`);

/** Removes a mailbox that was renamed. ARGV: token, fence. */
export const REMOVE: Script = new Script(`${BEGIN}
if get('token') ~= ARGV[1] or get('fence') ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
return 1
`);
