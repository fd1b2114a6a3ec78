// Limits every wait by three deadlines: one that every octet resets, one for this wait that slow data cannot
// postpone for ever, and one for the whole response. One timer serves all three. It is normally set again
// only when it fires.
import type { Expiry } from "./failures.ts";
import { LONGEST_TIMER } from "./settle.ts";
import { steadyTime } from "../system/clock.ts";

/** The time limits of one wait. Milliseconds; `Infinity`: no limit. */
export interface Deadline {
  /** The longest time from one octet to the next. */
  readonly idle: number;
  readonly idleExpiry: Expiry;
  /**
   * The longest time of the whole wait. With a `rate`, it grows by the time that the received octets take at
   * that rate.
   */
  readonly total: number;
  readonly totalExpiry: Expiry;
  /** The octets per second by which `total` grows; 0: it does not grow. */
  readonly rate: number;
  /** Names the thing that is waited for, given a command. It completes "timed out while waiting for ...". */
  readonly what: (command: string) => string;
  /** The wait is for our own reader. This time does not count against the server. */
  readonly reader?: boolean;
}

/**
 * The time limit of a whole response, over all of its waits. It starts when the response becomes the first.
 */
export interface Total {
  /** Milliseconds; `Infinity`: no limit. */
  readonly time: number;
  readonly expiry: Expiry;
}

export class DeadlineTimer {
  readonly #expired: (expiry: Expiry, what: string) => void;
  #wait: Deadline | undefined;
  #total: Total | undefined;
  #command = "";
  /** The time when the response became the first, plus the time in which our reader did not read. */
  #began = 0;
  #since = 0;
  #last = 0;
  #octets = 0;
  #pausedAt: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerDue = Infinity;
  /** Whether a wait has begun within a chunk, and the timer may not be set for it. */
  #beganInChunk = false;

  /** `expired` gets the deadline that has passed, and the name of what was waited for. */
  constructor(expired: (expiry: Expiry, what: string) => void) {
    this.#expired = expired;
  }

  /**
   * Starts a wait. `came`: the previous wait ended with the last chunk, so its time is used, and {@link chunkRead}
   * follows when the whole chunk is read. `total`: another response has become the first; without it, this wait is a
   * part of the same response.
   */
  begin(wait: Deadline, command: string, came = false, total?: Total): void {
    // A chunk may contain a hundred replies: read the clock only once.
    if (!came) this.#last = steadyTime();
    if (total !== undefined) {
      this.#total = total;
      this.#began = this.#last;
    } else {
      const rest = this.#wait?.reader === true ? this.#since : this.#pausedAt;
      if (rest !== undefined) this.#began += this.#last - rest;
    }
    this.#wait = wait;
    this.#command = command;
    this.#since = this.#last;
    this.#octets = 0;
    this.#pausedAt = undefined;
    if (came) this.#beganInChunk = true;
    else this.#arm();
  }

  /** Sets the timer for the last of the waits that began within a chunk. */
  chunkRead(): void {
    if (!this.#beganInChunk) return;
    this.#beganInChunk = false;
    this.#arm();
  }

  /** Sets another limit for the current response. Its start does not change. */
  bound(total: Total): void {
    this.#total = total;
    this.#arm();
  }

  /** Resets the idle deadline and counts the octets: a chunk has arrived. */
  touch(octets: number): void {
    this.#last = steadyTime();
    this.#octets += octets;
  }

  /** Stops the clocks while our own side does not read. */
  pause(): void {
    this.#pausedAt ??= steadyTime();
  }

  resume(): void {
    if (this.#pausedAt === undefined) return;
    const held = steadyTime() - this.#pausedAt;
    this.#since += held;
    this.#last += held;
    this.#began += held;
    this.#pausedAt = undefined;
    this.#arm();
  }

  /** Ends the wait and clears the timer. */
  stop(): void {
    this.#wait = undefined;
    this.#clear();
  }

  #clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerDue = Infinity;
  }

  /**
   * Sets the timer, if it is not set or would fire too late. A timer that fires too early sets itself again.
   */
  #arm(): void {
    const wait = this.#wait;
    if (wait === undefined || this.#pausedAt !== undefined) return;
    const due = Math.min(this.#last + wait.idle, this.#totalDue(wait), this.#responseDue(wait));
    if (due >= this.#timerDue) return;
    this.#clear();
    this.#timerDue = due;
    // Timers may fire up to a millisecond early.
    const delay = Math.min(Math.max(due - steadyTime() + 1, 1), LONGEST_TIMER);
    this.#timer = setTimeout(() => {
      this.#clear();
      this.#check();
    }, delay);
  }

  #check(): void {
    const wait = this.#wait;
    if (wait === undefined || this.#pausedAt !== undefined) return;
    const idleDue = this.#last + wait.idle;
    const totalDue = this.#totalDue(wait);
    const responseDue = this.#responseDue(wait);
    const due = Math.min(idleDue, totalDue, responseDue);
    if (steadyTime() < due) {
      this.#arm();
      return;
    }
    // The deadline that was due first has passed, even if this check is late.
    let expiry = wait.totalExpiry;
    if (due === idleDue) expiry = wait.idleExpiry;
    else if (due === responseDue && this.#total !== undefined) expiry = this.#total.expiry;
    const what = wait.what(this.#command);
    this.stop();
    this.#expired(expiry, what);
  }

  #totalDue(wait: Deadline): number {
    return this.#since + wait.total + (wait.rate > 0 ? (this.#octets / wait.rate) * 1000 : 0);
  }

  #responseDue({ reader }: Deadline): number {
    return this.#total === undefined || reader === true ? Infinity : this.#began + this.#total.time;
  }
}
