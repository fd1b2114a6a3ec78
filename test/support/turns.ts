// Waits for events by turns of the event loop, never by the clock.
import { setImmediate as turn } from "node:timers/promises";

/** So many turns: enough for octets on loopback to be read and answered. */
export async function turns(count = 20): Promise<void> {
  for (let at = 0; at < count; at++) await turn();
}

/** Resolves when `condition` holds. A test that waits for it in vain times out. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}
