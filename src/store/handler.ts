// The destination of a store: collects each message, and has it stored by a handler in a transaction of the ledger.
import {
  checkDelivery,
  type Delivery,
  type DeliveryGroup,
  type Destination,
} from "../fetch/destinations/destination.ts";
import { DestinationError } from "../fetch/destinations/destination-error.ts";
import type { FetchedMessage } from "../fetch/destinations/function.ts";
import { inMemory } from "../fetch/destinations/in-memory.ts";
import type { LedgerEntry } from "../fetch/ledger/ledger.ts";
import { withDefaults } from "../options/checks.ts";
import { printable } from "../protocol/printable.ts";

/** What one run delivers at a time: enough that its messages share a transaction, and little memory. */
export const GROUP: DeliveryGroup = { messages: 16, bytes: 8 * 1024 * 1024 };

/** What the destination needs of its store. */
interface Storing<M> {
  /** The name of the class, for errors. */
  readonly store: string;
  /** Returns the mailbox of a delivery, if a run of this store with its fence holds it. */
  readonly heldBy: (delivery: Delivery) => M | undefined;
  /**
   * Stores the message and records its entry, in one transaction. Rejects with {@link Refusal} if the handler has
   * refused the message.
   */
  readonly deliver: (
    mailbox: M,
    entry: LedgerEntry,
    message: FetchedMessage,
    signal: AbortSignal | undefined,
  ) => Promise<"new" | "known">;
  /** Makes the error of a message that the database could not store. */
  readonly failure: (error: unknown) => Error;
}

/** The handler has refused a message. `cause` is what it has thrown. */
export class Refusal extends Error {
  constructor(cause: unknown) {
    super("the handler has refused the message", { cause });
  }
}

/** Throws `POP3_CONFIG` if an option of `deliver` is invalid. */
export function storeDestination<M>(
  { store, heldBy, deliver, failure }: Storing<M>,
  options?: { readonly limit?: number },
): Destination {
  const { limit } = withDefaults("deliver", { limit: 64 * 1024 * 1024 }, options);
  return {
    group: GROUP,
    async begin(delivery, signal) {
      checkDelivery(delivery);
      const mailbox = heldBy(delivery);
      if (mailbox === undefined) throw notHeld(store, delivery);
      return inMemory(limit, "limit of deliver", async (octets, entry) => {
        try {
          return { recorded: await deliver(mailbox, entry, { ...delivery, octets }, signal) };
        } catch (error) {
          throw error instanceof Refusal ? error.cause : failure(error);
        }
      });
    },
  };
}

function notHeld(store: string, { mailbox }: Delivery): DestinationError {
  return new DestinationError(
    `the store does not hold ${printable(mailbox)} for this run: a destination of ${store}.deliver() must be used ` +
      "with the same store as `ledger`",
    { down: true },
  );
}
