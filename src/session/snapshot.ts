// What a listing said, apart from the Map that the caller got and may change. Kept as two arrays, as a second Map
// takes five times as long to make, and a poll that finds nothing never asks for one.

export class Snapshot<V> {
  readonly #messages: readonly number[];
  readonly #values: readonly V[];
  /** It has every message: nothing was marked as deleted when it was listed. */
  readonly complete: boolean;
  #map: Map<number, V> | undefined;

  constructor(listing: ReadonlyMap<number, V>, complete: boolean) {
    this.complete = complete;
    this.#messages = [...listing.keys()];
    this.#values = [...listing.values()];
  }

  /** Message number → size or unique-id, in the order of the listing. */
  get map(): ReadonlyMap<number, V> {
    if (this.#map === undefined) {
      this.#map = new Map();
      for (const [index, message] of this.#messages.entries())
        this.#map.set(message, this.#values[index] as V);
    }
    return this.#map;
  }
}
