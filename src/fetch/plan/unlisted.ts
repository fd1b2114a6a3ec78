// Finds the ledger's entry of a message whose unique-id is missing or malformed in this session. Its
// unique-id was valid in an earlier session, so the ledger knows it as a message that the server does not
// list now.
import { namesOne } from "./header-digest.ts";
import type { LedgerEntry } from "../ledger/ledger.ts";
import { isContentId } from "./entry.ts";
import type { Listed } from "./steps.ts";

/** The entries of the ledger whose unique-ids the server does not list. */
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

  /**
   * Returns the entry of a message, by the digest of its headers and its size. Each entry is returned once: a
   * second copy is another message.
   */
  take(headers: string, size: number): LedgerEntry | undefined {
    const name = nameOf(headers, size);
    const entry = this.#entries.get(name);
    this.#entries.delete(name);
    return entry;
  }
}

function nameOf(headers: string, size: number | undefined): string {
  return `${headers} ${String(size)}`;
}
