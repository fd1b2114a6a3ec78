// Pauses the stream while the reader of a block is full, and resumes it. The time in which our own side does not
// read does not count against the server.
import type { Duplex } from "node:stream";
import type { DeadlineTimer } from "./deadline-timer.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Exchange } from "./exchange.ts";
import type { Pipeline } from "./pipeline.ts";

export class FlowControl {
  readonly #stream: Duplex;
  readonly #pipeline: Pipeline;
  readonly #timer: DeadlineTimer;
  readonly #deadlines: Deadlines;
  #paused = false;
  /** The number of exchanges that a caller waits for: not settled, not abandoned, and not sent ahead. */
  #wanted = 0;

  constructor(stream: Duplex, pipeline: Pipeline, timer: DeadlineTimer, deadlines: Deadlines) {
    this.#stream = stream;
    this.#pipeline = pipeline;
    this.#timer = timer;
    this.#deadlines = deadlines;
  }

  /** Whether the stream is paused, because the reader of the current block is full. */
  get paused(): boolean {
    return this.#paused;
  }

  /** A caller waits for one more exchange. A paused message must not make it wait for ever. */
  addWanted(): void {
    this.#wanted++;
    const first = this.#pipeline.first;
    if (!this.#paused || first === undefined || !this.#isWaitedAfter(first)) return;
    if (first.block?.elastic === true) this.resume();
    else this.setTimer();
  }

  /** A caller no longer waits for an exchange. */
  removeWanted(): void {
    this.#wanted--;
  }

  /** Pauses the stream, because the reader of the block is full. */
  pause(exchange: Exchange<unknown>): void {
    // A message that is not claimed yet is buffered, if another command waits for its reply.
    if (this.#isWaitedAfter(exchange) && exchange.block?.elastic === true) return;
    if (!this.#paused) {
      this.#paused = true;
      this.#stream.pause();
    }
    this.setTimer();
  }

  /**
   * Resumes the stream, because the reader of the current block takes octets again. `unclaimed`: only if the
   * block is not claimed yet.
   */
  resume(unclaimed = false): void {
    const first = this.#pipeline.first;
    if (!this.#paused || first === undefined || (unclaimed && first.block?.elastic !== true)) return;
    this.#timer.resume();
    if (!first.abandoned) this.#timer.begin(this.#deadlines.block, first.command.printable);
    this.release();
  }

  /** Resumes the stream: no reader is full any more. */
  release(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#timer.resume();
    this.#stream.resume();
  }

  /** Sets the timer of a paused stream: it runs only if another command waits for the end of this message. */
  setTimer(): void {
    const first = this.#pipeline.first;
    if (!this.#paused || first === undefined) return;
    if (this.#isWaitedAfter(first)) this.#timer.begin(this.#deadlines.stall, first.command.printable);
    else this.#timer.pause();
  }

  #isWaitedAfter(first: Exchange<unknown>): boolean {
    return this.#wanted > (first.ahead || first.abandoned ? 0 : 1);
  }
}
