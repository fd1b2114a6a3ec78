// Ends the process if one input takes too long or too much memory. A thread of its own watches, because a parser that does not
// return stops everything else.
import { Worker } from "node:worker_threads";

/** The most octets of an input that is printed. */
const ROOM = 4096;

/** What the thread sees. */
interface Shared {
  /** How many inputs were begun, the length of the last one, and whether it is under way. */
  readonly counts: Int32Array;
  readonly input: Uint8Array;
  /** The name of the target. */
  readonly name: Uint8Array;
}

export class Watchdog {
  readonly #shared: Shared = {
    counts: new Int32Array(new SharedArrayBuffer(12)),
    input: new Uint8Array(new SharedArrayBuffer(ROOM)),
    name: new Uint8Array(new SharedArrayBuffer(64)),
  };

  constructor() {
    new Worker(new URL("watch.mjs", import.meta.url), { workerData: this.#shared, execArgv: [] }).unref();
  }

  /** The inputs that follow are of this target. */
  target(name: string): void {
    this.#shared.name.fill(0);
    this.#shared.name.set(Buffer.from(name));
  }

  /** An input begins. */
  begins(data: Buffer): void {
    const { counts, input } = this.#shared;
    input.set(data.subarray(0, ROOM));
    counts[1] = Math.min(data.length, ROOM);
    Atomics.add(counts, 0, 1);
    counts[2] = 1;
  }

  /** No input is under way. */
  rests(): void {
    this.#shared.counts[2] = 0;
  }
}
