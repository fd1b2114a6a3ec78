// A clock for long simulations with thousands of timers, whose speed does not depend on their number. All that is left to
// do between two timers is done in a turn of the event loop: no sockets and no files may take part.
import { setImmediate as turn } from "node:timers/promises";
import { vi } from "vitest";
import { Heap, type Ranked } from "../../src/pool/heap.ts";
import "./all-parts.ts";

interface Timer extends Ranked {
  readonly at: number;
  /** Timers of the same time fire in the order in which they were set. */
  readonly number: number;
  readonly fire: () => void;
  readonly unref: () => Timer;
}

export class SimulatedTime {
  readonly #timers: Heap<Timer> = new Heap((a, b) => a.at < b.at || (a.at === b.at && a.number < b.number));
  readonly #start: number;
  #now = 0;
  #count = 0;

  /** Replaces the clocks and `setTimeout`, until `vi.restoreAllMocks()`. `start`: what `Date.now()` begins with. */
  constructor(start: number) {
    this.#start = start;
    vi.spyOn(performance, "now").mockImplementation(() => this.#now);
    vi.spyOn(Date, "now").mockImplementation(() => this.#start + this.#now);
    vi.spyOn(globalThis, "setTimeout").mockImplementation(this.#set as never);
    vi.spyOn(globalThis, "clearTimeout").mockImplementation(this.#clear as never);
  }

  /** Lets time pass until the call has settled, and settles as it does. */
  async passes<T>(call: Promise<T>): Promise<T> {
    let isSettled = false as boolean;
    const settle = (): void => void (isSettled = true);
    call.then(settle, settle);
    for (;;) {
      await turn();
      if (isSettled) return call;
      const next = this.#timers.first;
      if (next === undefined)
        throw new Error("nothing is left that could happen, and the call has not settled");
      this.#now = Math.max(this.#now, next.at);
      this.#timers.delete(next);
      next.fire();
    }
  }

  readonly #set = (call: (...given: unknown[]) => void, delay = 0, ...given: unknown[]): Timer => {
    // Whole milliseconds, and at least one, as Node counts them; rounded up, so that no time has to be waited again.
    const timer: Timer = {
      at: this.#now + Math.max(1, Math.ceil(delay)),
      number: this.#count++,
      place: -1,
      fire: () => call(...given),
      unref: () => timer,
    };
    this.#timers.add(timer);
    return timer;
  };

  readonly #clear = (timer: Timer | undefined): void => {
    if (timer !== undefined) this.#timers.delete(timer);
  };
}

/** Random numbers from a seed, the same in every run (a linear congruential generator). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}
