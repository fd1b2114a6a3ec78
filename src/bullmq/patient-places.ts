// Places with the limits of a worker. A run waits for a place that is free soon, and gives way to others for a later one.
import { sleep } from "../net/settle.ts";
import type { HostPlace, HostPlaces, PlaceRequest } from "../pool/places.ts";

/**
 * How long a run waits for its place, in milliseconds. For a longer time its job goes back into the queue, which costs more
 * than to wait here.
 */
const WAIT = 2000;

/** The least time between two questions, in milliseconds. */
const STEP = 5;

/**
 * How many runs wait for a host, if its limit is not larger. Others go back into the queue: those of a host that is full
 * must not keep the worker from all other hosts.
 */
const WAITERS = 8;

/** A run that waits. */
interface Waiter {
  readonly comeAt: number;
  readonly wake: () => void;
}

export class PatientPlaces implements HostPlaces {
  readonly #places: HostPlaces;
  readonly #limitOf: (host: string) => number;
  /** The runs that wait, by host. */
  readonly #waiting: Map<string, Set<Waiter>> = new Map();

  constructor(places: HostPlaces, limitOf: (host: string) => number) {
    this.#places = places;
    this.#limitOf = limitOf;
  }

  async take(request: PlaceRequest): Promise<HostPlace | { readonly comeAt: number }> {
    const { host, signal } = request;
    const limited = { ...request, limit: this.#limitOf(host) };
    const until = performance.now() + WAIT;
    for (;;) {
      const answer = await this.#places.take(limited);
      if (!("comeAt" in answer)) return this.#waking(host, answer);
      const wait = Math.max(STEP, answer.comeAt - Date.now());
      if (performance.now() + wait > until || signal.aborted) return answer;
      if ((this.#waiting.get(host)?.size ?? 0) >= Math.max(limited.limit, WAITERS)) return answer;
      await this.#wait(host, answer.comeAt, wait, signal);
    }
  }

  /** Waits, but not longer than until a run of this worker gives back a place of the host. */
  async #wait(host: string, comeAt: number, ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const waiter = { comeAt, wake: () => woken.abort() };
    const waiting = this.#waiting.get(host) ?? new Set();
    this.#waiting.set(host, waiting.add(waiter));
    await sleep(ms, AbortSignal.any([signal, woken.signal]));
    waiting.delete(waiter);
    if (waiting.size === 0) this.#waiting.delete(host);
  }

  /** A place that, when it is given back, wakes the run that has waited for the longest time. */
  #waking(host: string, place: HostPlace): HostPlace {
    return {
      release: async (outcome) => {
        await place.release(outcome);
        const waiting = [...(this.#waiting.get(host) ?? [])];
        waiting.sort((a, b) => a.comeAt - b.comeAt)[0]?.wake();
      },
    };
  }
}
