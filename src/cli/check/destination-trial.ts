// Tries destinations, each of them once, and keeps the results: accounts of a configuration often share one.
import type { DestinationCheckLine } from "../../fetch/index.ts";
import { shownPlace, type DeliveryPlace, type Destinations } from "../fetch/delivery-place.ts";

export interface DestinationResult {
  /** Which destination it is, for people. */
  readonly place: string;
  readonly ok: boolean;
  readonly steps: readonly DestinationCheckLine[];
  /** Why it could not be tried, such as a missing secret. */
  readonly error?: unknown;
  /** Whether this result was reported before. */
  readonly isRepeated: boolean;
}

export class DestinationTrials {
  readonly #destinations: Destinations;
  readonly #results: Map<string, DestinationResult> = new Map();

  constructor(destinations: Destinations) {
    this.#destinations = destinations;
  }

  /** Tries the destination, unless it was tried before. */
  async of(to: DeliveryPlace): Promise<DestinationResult> {
    const key = JSON.stringify(to);
    const known = this.#results.get(key);
    if (known !== undefined) return { ...known, isRepeated: true };
    const result = await this.#try(to);
    this.#results.set(key, result);
    return result;
  }

  async #try(to: DeliveryPlace): Promise<DestinationResult> {
    const place = shownPlace(to);
    try {
      const { lines: steps } = await this.#destinations.check(to);
      return { place, ok: steps.every(({ ok }) => ok), steps, isRepeated: false };
    } catch (error) {
      return { place, ok: false, steps: [], error, isRepeated: false };
    }
  }
}
