// Fences: numbers that grow each time when something is locked. A smaller fence belongs to a process that may have
// lost the lock in the meantime.
import { wallTime } from "../../system/clock.ts";

/** The greatest fence that this process has given. */
let last = 0n;

/**
 * Returns a fence that is greater than `former` and than each fence of this process: the time in microseconds
 * since 1970, or more if the clock was put back. So fences usually grow even if no process remembers the last
 * one.
 */
export function nextFence(former = 0n): bigint {
  const clock = BigInt(wallTime()) * 1000n;
  last += 1n;
  if (last <= former) last = former + 1n;
  if (last < clock) last = clock;
  return last;
}

/**
 * Parses a fence in a file. Returns 0 if `value` is not a fence: an older version wrote the file, or another
 * program. The number of digits is limited, so that a fence and those after it fit into 64 bits.
 */
export function fenceOf(value: unknown): bigint {
  return typeof value === "string" && /^\d{1,18}$/.test(value) ? BigInt(value) : 0n;
}
