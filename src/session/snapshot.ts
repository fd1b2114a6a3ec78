// A listing that the session keeps. Its Map is built when a call asks for one of the messages: a poll without new mail
// never does.
import type { Columns } from "../protocol/columns.ts";

export class Snapshot<V> {
  readonly columns: Columns<V>;
  /** Whether it has all messages: no message was marked as deleted at the time. */
  readonly complete: boolean;
  #map: Map<number, V> | undefined;

  constructor(columns: Columns<V>, complete: boolean) {
    this.columns = columns;
    this.complete = complete;
  }

  /** Message number → size or unique-id, in the order of the listing. Built on first use. */
  get map(): ReadonlyMap<number, V> {
    this.#map ??= this.columns.toMap();
    return this.#map;
  }
}
