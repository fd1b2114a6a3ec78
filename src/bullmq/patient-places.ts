// Places with the limits of a worker. A run waits for a place that is free soon, and gives way to others for a later one.
import { sleep } from "../net/settle.ts";
import type { HostPlace, HostPlaces, PlaceRequest } from "../pool/places.ts";

/**
 * How long a run waits for its place, in milliseconds. For a longer time its job goes back into the queue, which costs more
 * than to wait here.
 */
const WAIT = 500;

export class PatientPlaces implements HostPlaces {
  readonly #places: HostPlaces;
  readonly #limitOf: (host: string) => number;

  constructor(places: HostPlaces, limitOf: (host: string) => number) {
    this.#places = places;
    this.#limitOf = limitOf;
  }

  async take(request: PlaceRequest): Promise<HostPlace | { readonly comeAt: number }> {
    const limited = { ...request, limit: this.#limitOf(request.host) };
    const until = performance.now() + WAIT;
    for (;;) {
      const answer = await this.#places.take(limited);
      if (!("comeAt" in answer)) return answer;
      const wait = answer.comeAt - Date.now();
      if (performance.now() + wait > until || request.signal.aborted) return answer;
      await sleep(wait, request.signal);
    }
  }
}
