// A function as a destination: it gets each message whole, and what it throws is a refusal.
import { withDefaults } from "../../options/checks.ts";
import type { Delivery, Destination } from "./destination.ts";
import { DestinationError } from "./destination-error.ts";

/** A message as a function gets it. */
export interface FetchedMessage extends Delivery {
  /** All of its octets; with `headersOnly` the headers. */
  readonly octets: Buffer;
}

/**
 * Deals with a message: when it resolves, that is done. It may get the same message, by its key, once more: where it
 * returns `"known"`, the message counts as one that had been delivered before. What it throws is a refusal of the
 * message; with {@link DestinationError} it can say that it would refuse every other, or wants it later.
 */
export type Deliver = (message: FetchedMessage, signal: AbortSignal | undefined) => unknown;

export interface FunctionOptions {
  /** A message is held in memory; a larger one is refused. Octets. @default 67108864 (64 MiB) */
  readonly limit?: number;
}

/**
 * Delivers to a function. It knows of no keys by itself: where a process dies between the function and the ledger,
 * the message comes again, and `key` tells. Throws `POP3_CONFIG` for options that make no sense.
 */
export function deliverTo(deliver: Deliver, options?: FunctionOptions): Destination {
  const { limit } = withDefaults("deliverTo", { limit: 64 * 1024 * 1024 }, options);
  return {
    begin(delivery, signal) {
      const pieces: Buffer[] = [];
      let size = 0;
      return Promise.resolve({
        write(octets) {
          size += octets.length;
          if (size > limit) throw new DestinationError(`it is larger than ${String(limit)} octets`);
          pieces.push(octets);
        },
        async commit() {
          const octets = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
          return (await deliver({ ...delivery, octets }, signal)) === "known" ? "known" : "new";
        },
        abort: () => Promise.resolve(),
      });
    },
  };
}
