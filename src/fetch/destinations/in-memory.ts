// Collects a message in memory, up to a limit, for a destination that takes it as one Buffer.
import type { LedgerEntry } from "../ledger/ledger.ts";
import type { Committed, DeliveryWriter } from "./destination.ts";
import { DestinationError } from "./destination-error.ts";

/**
 * Returns a writer that calls `take` with the whole message and its entry. A message with more than `limit` bytes is refused.
 * `option`: the name of the limit, for the error.
 */
export function inMemory(
  limit: number,
  option: string,
  take: (octets: Buffer, entry: LedgerEntry) => Promise<Committed>,
): DeliveryWriter {
  const pieces: Buffer[] = [];
  let size = 0;
  return {
    write(octets) {
      size += octets.length;
      if (size > limit) throw new DestinationError(`the message is larger than ${limit} bytes (${option})`);
      pieces.push(octets);
    },
    commit: (entry) => take(pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces), entry),
    abort: () => Promise.resolve(),
  };
}
