// Simulated clocks: time passes only when a test lets it, and only while nothing else happens. So no time limit in a
// test depends on the speed of the machine.
import { Readable } from "node:stream";
import { afterEach, beforeEach, vi } from "vitest";
import "./all-parts.ts";
import { turns } from "./turns.ts";

/** Turns of the event loop in which nothing was read: what was sent has arrived by then. */
const QUIET = 50;

/**
 * Deno reads sockets on threads of its own: its turns do not wait for them. There it must be quiet for this many
 * pauses of 10 ms, one after the other.
 */
const PAUSES_ON_DENO = 25;
const isDeno = process.versions["deno"] !== undefined;
const MOST_QUIET = isDeno ? PAUSES_ON_DENO : 1;
// Before a test replaces it.
const { setTimeout: realTimer } = globalThis;

/** How often any stream was read. */
let reads = 0;
const { push } = Readable.prototype as {
  readonly push: (this: Readable, ...given: Parameters<Readable["push"]>) => boolean;
};
Readable.prototype.push = function (...given): boolean {
  reads++;
  return push.apply(this, given);
};

/** To be called at the top of a file, or of a `describe`. The clocks of each test stand still. */
export function stopClocks(): void {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });
}

/**
 * Lets time pass, from one timer to the next, until `call` has settled, and settles as it does. Before each step,
 * everything that was sent is read. A call that has no time limit never settles: the test fails.
 */
export async function timePasses<T>(call: Promise<T>): Promise<T> {
  let outcome: "waits" | "settled" = "waits";
  const settle = (): void => {
    outcome = "settled";
  };
  const waits = (): boolean => outcome === "waits";
  call.then(settle, settle);
  while (waits()) {
    for (let quiet = 0; quiet < MOST_QUIET && waits();) {
      const before = reads;
      await turns(QUIET);
      if (isDeno) await new Promise((resolve) => realTimer(resolve, 10));
      quiet = before === reads ? quiet + 1 : 0;
    }
    if (waits()) vi.advanceTimersToNextTimer();
  }
  return call;
}

/** A pause, in simulated time if the clocks are stopped. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
