// Keeps two clocks on whatever is waited for: one that every octet sets back, and one that no trickle of
// octets can put off for ever. One timer serves both, set anew only when it goes off.
import { Pop3ConnectionError, type Pop3ErrorCode } from "../errors.ts";
import { LONGEST_TIMER } from "./settle.ts";

/** How long something may take. Milliseconds; `Infinity` for a clock that does not run. */
export interface Wait {
  /** From one octet to the next. */
  readonly idle: number;
  readonly idleCode: Pop3ErrorCode;
  /** For the whole; with a rate, longer by the time that what has come may take at that rate. */
  readonly total: number;
  readonly totalCode: Pop3ErrorCode;
  /** Octets a second that prolong `total`; 0: nothing does. */
  readonly rate: number;
  /** What is waited for, given a command: it ends the message "timed out while waiting for ...". */
  readonly what: (command: string) => string;
}

export class Watch {
  readonly #expired: (error: Pop3ConnectionError) => void;
  #wait: Wait | undefined;
  #command = "";
  #since = 0;
  #last = 0;
  #octets = 0;
  #pausedAt: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerDue = Infinity;

  constructor(expired: (error: Pop3ConnectionError) => void) {
    this.#expired = expired;
  }

  /** Begins to wait. `came`: what was waited for before has come, with the octets that came last. */
  begin(wait: Wait, command: string, came = false): void {
    this.#wait = wait;
    this.#command = command;
    // A chunk may hold a hundred replies: its time is asked for once.
    if (!came) this.#last = performance.now();
    this.#since = this.#last;
    this.#octets = 0;
    this.#pausedAt = undefined;
    this.#set();
  }

  /** Octets came. */
  touch(octets: number): void {
    this.#last = performance.now();
    this.#octets += octets;
  }

  /** Stops both clocks while it is we who do not read. */
  pause(): void {
    this.#pausedAt ??= performance.now();
  }

  resume(): void {
    if (this.#pausedAt === undefined) return;
    const held = performance.now() - this.#pausedAt;
    this.#since += held;
    this.#last += held;
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

  /** A timer that goes off too early finds that out and is set anew; only a shorter wait sets it at once. */
  #set(): void {
    const wait = this.#wait;
    if (wait === undefined || this.#pausedAt !== undefined) return;
    const due = Math.min(this.#last + wait.idle, this.#totalDue(wait));
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
    if (performance.now() < Math.min(idleDue, totalDue)) {
      this.#set();
      return;
    }
    this.stop();
    // The clock that was due first has gone off, however late we look.
    const code = idleDue <= totalDue ? wait.idleCode : wait.totalCode;
    this.#expired(new Pop3ConnectionError(code, `timed out while waiting for ${wait.what(this.#command)}`));
  }

  #totalDue(wait: Wait): number {
    return this.#since + wait.total + (wait.rate > 0 ? (this.#octets / wait.rate) * 1000 : 0);
  }
}
