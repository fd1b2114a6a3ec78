// Simulated time: what is to happen, in order of its time. Time passes only from one event to the next.
import { Heap, type Ranked } from "../../src/pool/heap.ts";

export interface Event extends Ranked {
  readonly at: number;
  readonly number: number;
  readonly run: () => void;
}

export class Schedule {
  readonly #events: Heap<Event> = new Heap((a, b) => a.at < b.at || (a.at === b.at && a.number < b.number));
  #count = 0;
  /** Milliseconds since the world began. */
  now = 0;

  /** Runs something after a time; milliseconds. Events of the same time happen in the order of these calls. */
  after(delay: number, run: () => void): Event {
    const event: Event = { at: this.now + delay, number: this.#count++, place: -1, run };
    this.#events.add(event);
    return event;
  }

  cancel(event: Event): void {
    this.#events.delete(event);
  }

  /** Lets the next event happen. Returns `false` if there is none. */
  step(): boolean {
    const event = this.#events.first;
    if (event === undefined) return false;
    this.#events.delete(event);
    this.now = Math.max(this.now, event.at);
    event.run();
    return true;
  }
}
