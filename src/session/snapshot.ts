// A copy of a listing. The caller owns the Map of the listing and may change it. The copy is two arrays,
// because a second Map takes five times as long to build, and a poll without new mail never needs it.

export class Snapshot<V> {
  readonly #messages: readonly number[];
  readonly #values: readonly V[];
  /** Whether it has all messages: no message was marked as deleted at the time. */
  readonly complete: boolean;
  #map: Map<number, V> | undefined;

  constructor(listing: ReadonlyMap<number, V>, complete: boolean) {
    this.complete = complete;
    this.#messages = [...listing.keys()];
    this.#values = [...listing.values()];
  }

  /** Message number → size or unique-id, in the order of the listing. Built on first use. */
  get map(): ReadonlyMap<number, V> {
    if (this.#map === undefined) {
      this.#map = new Map();
      for (const [index, message] of this.#messages.entries())
        this.#map.set(message, this.#values[index] as V);
    }
    return this.#map;
  }
}
