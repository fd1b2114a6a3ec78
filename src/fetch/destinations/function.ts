// Delivers each message to a function. The function receives the whole message, and refuses it by throwing an
// error.
import { configError, shown, withDefaults } from "../../options/checks.ts";
import type { Delivery, Destination } from "./destination.ts";
import { inMemory } from "./in-memory.ts";

/** A message as passed to a function. */
export interface FetchedMessage extends Delivery {
  /** The content of the message; if `headersOnly` is set, only its headers. */
  readonly octets: Buffer;
}

/**
 * Processes a message. When it resolves, the message is delivered. The function may receive the same message
 * again, with the same key. If it returns `"known"`, the message counts as delivered before. If it throws,
 * the message is refused. With {@link DestinationError} it can report that it would refuse every other
 * message, too, or that the message must be tried again later.
 */
export type Deliver = (message: FetchedMessage, signal: AbortSignal | undefined) => unknown;

/** The options of {@link deliverTo}. */
export interface FunctionOptions {
  /**
   * The largest message; bytes. Messages are held in memory, and a larger one is refused.
   * @default 67108864 (64 MiB)
   */
  readonly limit?: number;
}

/**
 * Delivers to a function. The destination itself does not remember keys. If the process dies after the
 * function has finished and before the ledger is written, the message is delivered again: compare its `key`.
 * Throws `POP3_CONFIG` if an option is invalid.
 *
 * @example
 * ```ts
 * const destination = deliverTo(({ key, octets }) => handle(octets, key), { limit: 10 * 1024 * 1024 });
 * ```
 */
export function deliverTo(deliver: Deliver, options?: FunctionOptions): Destination {
  if (typeof deliver !== "function")
    throw configError(`deliver must be a function that takes a message (got ${shown(deliver)})`);
  const { limit } = withDefaults("deliverTo", { limit: 64 * 1024 * 1024 }, options);
  return {
    async begin(delivery, signal) {
      return inMemory(limit, "limit of deliverTo", async (octets) =>
        (await deliver({ ...delivery, octets }, signal)) === "known" ? "known" : "new",
      );
    },
  };
}
