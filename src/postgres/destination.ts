// Delivers messages to a function, in the transactions of a store.
import type { Destination } from "../fetch/destinations/destination.ts";
import type { FetchedMessage } from "../fetch/destinations/function.ts";
import { configError, shown } from "../options/checks.ts";
import { storeDestination } from "../store/handler.ts";
import type { HeldMailboxes } from "../store/held-mailboxes.ts";
import { deliveryFailure } from "./failures.ts";
import type { PostgresMailbox } from "./mailbox.ts";
import type { PgClientLike } from "./pool.ts";

/**
 * Stores a message with a client that is in the transaction of the ledger. It may return `"known"` if the message was
 * stored before, and throws to refuse the message. `signal` is that of the run.
 */
export type PostgresHandler<Client extends PgClientLike = PgClientLike> = (
  client: Client,
  message: FetchedMessage,
  signal: AbortSignal | undefined,
) => unknown;

/** The options of {@link PostgresStore.deliver}. */
export interface PostgresDeliverOptions {
  /**
   * The largest message; bytes. Messages are held in memory, and a larger one is refused.
   * @default 67108864 (64 MiB)
   */
  readonly limit?: number;
}

export function destination<Client extends PgClientLike>(
  held: HeldMailboxes<PostgresMailbox>,
  handler: PostgresHandler<Client>,
  options?: PostgresDeliverOptions,
): Destination {
  if (typeof handler !== "function")
    throw configError(`handler must be a function that takes a client and a message (got ${shown(handler)})`);
  return storeDestination<PostgresMailbox>(
    {
      store: "PostgresStore",
      heldBy: (delivery) => held.heldBy(delivery),
      deliver: (mailbox, entry, message, signal) =>
        mailbox.deliver({
          entry,
          // The clients of the pool are of this type.
          store: async (client) =>
            (await handler(client as Client, message, signal)) === "known" ? "known" : "new",
        }),
      failure: deliveryFailure,
    },
    options,
  );
}
