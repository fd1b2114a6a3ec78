// A time by two clocks. The first is never set, but may stop while the machine sleeps. The second continues, but may
// be set.
import { kernelTime, wallTime } from "../../system/clock.ts";

/** Milliseconds. */
export interface Moment {
  readonly steady: number;
  readonly wall: number;
}

export function moment(): Moment {
  return { steady: kernelTime(), wall: wallTime() };
}

/** Returns the longest time that may have passed; milliseconds. */
export function between(earlier: Moment, later: Moment): number {
  return Math.max(later.steady - earlier.steady, Math.abs(later.wall - earlier.wall));
}
