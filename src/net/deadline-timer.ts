// Keeps three clocks on whatever is waited for: one that every octet sets back, one that no trickle of octets can put
// off for ever, and one for the whole response. One timer serves them all; it is set again only when it goes off.
import { Pop3ConnectionError, type Pop3ConnectionErrorCode } from "../errors.ts";
import { LONGEST_TIMER } from "./settle.ts";

/** What the caller learns when a clock has gone off. */
export interface Expiry {
  readonly code: Pop3ConnectionErrorCode;
  /** The option that sets the clock. */
  readonly limit: string;
  /** What it says of the thing that was waited for: "it took longer than 60000 ms". */
  readonly why: string;
}

/** How long something may take. Milliseconds; `Infinity` for a clock that does not run. */
export interface Deadline {
  /** From one octet to the next. */
  readonly idle: number;
  readonly idleExpiry: Expiry;
  /** For the whole; with a rate, longer by the time that what has come may take at that rate. */
  readonly total: number;
  readonly totalExpiry: Expiry;
  /** Octets a second that prolong `total`; 0: nothing does. */
  readonly rate: number;
  /** What is waited for, given a command: it ends the message "timed out while waiting for ...". */
  readonly what: (command: string) => string;
  /** Our own reader is waited for: that time is not the server's. */
  readonly reader?: boolean;
}

/** How long a whole response may take, in all of its waits, from the time when its turn has come. */
export interface Total {
  /** Milliseconds; `Infinity`: the clock does not run. */
  readonly time: number;
  readonly expiry: Expiry;
}

export class DeadlineTimer {
  readonly #expired: (error: Pop3ConnectionError) => void;
  #wait: Deadline | undefined;
  #total: Total | undefined;
  #command = "";
  /** When the turn of the response came; later by the time in which our reader did not read. */
  #turn = 0;
  #since = 0;
  #last = 0;
  #octets = 0;
  #pausedAt: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerDue = Infinity;

  constructor(expired: (error: Pop3ConnectionError) => void) {
    this.#expired = expired;
  }

  /**
   * Begins to wait. `came`: what was waited for before has come, with the octets that came last. `total`: the turn of
   * another response has come; without it, this is a part of the same one.
   */
  begin(wait: Deadline, command: string, came = false, total?: Total): void {
    // A chunk may hold a hundred replies: its time is asked for once.
    if (!came) this.#last = performance.now();
    if (total !== undefined) {
      this.#total = total;
      this.#turn = this.#last;
    } else {
      const rest = this.#wait?.reader === true ? this.#since : this.#pausedAt;
      if (rest !== undefined) this.#turn += this.#last - rest;
    }
    this.#wait = wait;
    this.#command = command;
    this.#since = this.#last;
    this.#octets = 0;
    this.#pausedAt = undefined;
    this.#set();
  }

  /** The response that is waited for now has another bound; its turn came when it came. */
  bound(total: Total): void {
    this.#total = total;
    this.#set();
  }

  /** Octets came. */
  touch(octets: number): void {
    this.#last = performance.now();
    this.#octets += octets;
  }

  /** Stops the clocks while it is we who do not read. */
  pause(): void {
    this.#pausedAt ??= performance.now();
  }

  resume(): void {
    if (this.#pausedAt === undefined) return;
    const held = performance.now() - this.#pausedAt;
    this.#since += held;
    this.#last += held;
    this.#turn += held;
    this.#pausedAt = undefined;
    this.#set();
  }

  /** Nothing is waited for any more; no timer is left. */
  stop(): void {
    this.#wait = undefined;
    this.#clear();
  }

  #clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerDue = Infinity;
  }

  /** A timer that goes off too early finds that out and is set again; only a shorter wait sets it at once. */
  #set(): void {
    const wait = this.#wait;
    if (wait === undefined || this.#pausedAt !== undefined) return;
    const due = Math.min(this.#last + wait.idle, this.#totalDue(wait), this.#responseDue(wait));
    if (due >= this.#timerDue) return;
    this.#clear();
    this.#timerDue = due;
    // Timers may go off up to a millisecond early.
    const delay = Math.min(Math.max(due - performance.now() + 1, 1), LONGEST_TIMER);
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
    if (performance.now() < due) {
      this.#set();
      return;
    }
    // The clock that was due first has gone off, however late we look.
    let expiry = wait.totalExpiry;
    if (due === idleDue) expiry = wait.idleExpiry;
    else if (due === responseDue && this.#total !== undefined) expiry = this.#total.expiry;
    const { code, limit, why } = expiry;
    const what = wait.what(this.#command);
    this.stop();
    this.#expired(
      new Pop3ConnectionError(code, `timed out while waiting for ${what}: ${why} (${limit})`, { limit }),
    );
  }

  #totalDue(wait: Deadline): number {
    return this.#since + wait.total + (wait.rate > 0 ? (this.#octets / wait.rate) * 1000 : 0);
  }

  #responseDue({ reader }: Deadline): number {
    return this.#total === undefined || reader === true ? Infinity : this.#turn + this.#total.time;
  }
}
