// Reads the HTTP field Retry-After (RFC 9110 section 10.2.3), with which a server asks for a pause.
import { wallTime } from "../system/clock.ts";

/** The longest pause that a server can ask for, in milliseconds. */
export const LONGEST_PAUSE = 3_600_000;

/** Returns the pause in milliseconds, at most {@link LONGEST_PAUSE}; `undefined`: the field is missing or invalid. */
export function retryAfter(value: string | null | undefined): number | undefined {
  if (value === null || value === undefined) return undefined;
  const pause = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - wallTime();
  return Number.isNaN(pause) ? undefined : Math.min(Math.max(pause, 0), LONGEST_PAUSE);
}
