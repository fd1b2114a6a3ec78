// The messages of the ledger whose unique-ids the server does not list: one of them may be a message whose unique-id is
// missing or malformed in this session, and was good before.
import { namesOne } from "./header-digest.ts";
import type { LedgerEntry } from "../ledger/ledger.ts";
import { isContentId, type Listed } from "./plan.ts";

export class Unlisted {
  /** By digest and size. */
  readonly #entries: Map<string, LedgerEntry> = new Map();

  constructor(listing: readonly Listed[], entries: ReadonlyMap<string, LedgerEntry>) {
    if (listing.every(({ uid }) => uid !== undefined)) return;
    const listed = new Set(listing.map(({ uid }) => uid));
    for (const entry of entries.values()) {
      const { id, status, headers, size } = entry;
      if (status !== "deleted" && namesOne(headers) && !listed.has(id) && !isContentId(id))
        this.#entries.set(nameOf(headers, size), entry);
    }
  }

  /** The entry of a message, by the digest of its headers and its size. Each is given once: a copy is another message. */
  take(headers: string, size: number): LedgerEntry | undefined {
    if (!namesOne(headers)) return undefined;
    const name = nameOf(headers, size);
    const entry = this.#entries.get(name);
    this.#entries.delete(name);
    return entry;
  }
}

function nameOf(headers: string, size: number | undefined): string {
  return `${headers} ${String(size)}`;
}
