// Pauses a worker while the destination, the ledger or the accounts fail: a few mailboxes feel it, and not thousands.
import type { WorkerPause } from "./worker-record.ts";

/** The first pause, in milliseconds. Each failure in a row doubles it. */
const FIRST = 1000;
/** The longest pause, in milliseconds. */
const LONGEST = 60_000;

/** The part of a worker of BullMQ that is paused. */
interface Pausable {
  concurrency: number;
  /** Takes no more jobs, and does not wait for those under way. */
  pause(doNotWaitActive: boolean): Promise<void>;
  resume(): unknown;
}

export class Outage {
  readonly #worker: Pausable;
  readonly #concurrency: number;
  #failures = 0;
  #pause: WorkerPause | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(worker: Pausable) {
    this.#worker = worker;
    this.#concurrency = worker.concurrency;
  }

  /** Why the worker takes nothing now, and until when. */
  get pause(): WorkerPause | undefined {
    return this.#pause;
  }

  /** A poll has failed because of something that the others need, too. */
  failed(scope: WorkerPause["scope"], code: string | undefined): void {
    // Polls that began before the pause say nothing new.
    if (this.#pause !== undefined) return;
    const pause = Math.min(LONGEST, FIRST * 2 ** Math.min(this.#failures++, 10)) * (0.75 + Math.random() / 2);
    this.#pause = { scope, ...(code === undefined ? {} : { code }), until: Date.now() + pause };
    void this.#worker.pause(true);
    this.#timer = setTimeout(() => {
      this.#pause = undefined;
      // One at a time, until one succeeds.
      this.#worker.concurrency = 1;
      void this.#worker.resume();
    }, pause).unref();
  }

  /** A poll has succeeded. `delivered`: the destination has taken mail. */
  succeeded(delivered: boolean): void {
    if (this.#pause !== undefined) return;
    this.#worker.concurrency = this.#concurrency;
    // A poll without mail does not show that the destination is back, so its next failure has a longer pause.
    if (delivered) this.#failures = 0;
    else this.#failures = Math.max(0, this.#failures - 1);
  }

  /** Ends the timer. */
  close(): void {
    clearTimeout(this.#timer);
  }
}
