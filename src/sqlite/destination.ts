// Delivers messages to a function, in the transactions of a store.
import {
  checkDelivery,
  type Delivery,
  type DeliveryGroup,
  type DeliveryWriter,
  type Destination,
} from "../fetch/destinations/destination.ts";
import { DestinationError } from "../fetch/destinations/destination-error.ts";
import type { FetchedMessage } from "../fetch/destinations/function.ts";
import { inMemory } from "../fetch/destinations/in-memory.ts";
import type { LedgerEntry } from "../fetch/ledger/ledger.ts";
import { configError, shown, withDefaults } from "../options/checks.ts";
import { printable } from "../protocol/printable.ts";
import type { SqliteDatabase } from "./database.ts";
import { deliveryFailure, isStorageFailure } from "./failures.ts";
import type { Leases } from "./leases.ts";
import type { SqliteMailbox } from "./mailbox.ts";

/**
 * Stores a message in the database, synchronously. It returns `"known"` if the message was stored before, and throws
 * to refuse the message.
 */
export type SqliteHandler<Database extends SqliteDatabase = SqliteDatabase> = (
  database: Database,
  message: FetchedMessage,
) => unknown;

/** The options of {@link SqliteStore.deliver}. */
export interface SqliteDeliverOptions {
  /**
   * The largest message; bytes. Messages are held in memory, and a larger one is refused.
   * @default 67108864 (64 MiB)
   */
  readonly limit?: number;
}

/** What one run delivers at a time: enough that its messages share a transaction, and little memory. */
const GROUP: DeliveryGroup = { messages: 16, bytes: 8 * 1024 * 1024 };

export function destination<Database extends SqliteDatabase>(
  database: Database,
  leases: Leases,
  handler: SqliteHandler<Database>,
  options?: SqliteDeliverOptions,
): Destination {
  checkHandler(handler);
  const { limit } = withDefaults("deliver", { limit: 64 * 1024 * 1024 }, options);
  return {
    group: GROUP,
    async begin(delivery) {
      checkDelivery(delivery);
      const mailbox = leases.heldBy(delivery);
      if (mailbox === undefined) throw notHeld(delivery);
      return writer(mailbox, limit, (octets) => call(handler, database, { ...delivery, octets }));
    },
  };
}

function writer(
  mailbox: SqliteMailbox,
  limit: number,
  store: (octets: Buffer) => "new" | "known",
): DeliveryWriter {
  return inMemory(limit, "limit of deliver", async (octets, entry) => ({
    recorded: await delivered(mailbox, entry, () => store(octets)),
  }));
}

async function delivered(
  mailbox: SqliteMailbox,
  entry: LedgerEntry,
  store: () => "new" | "known",
): Promise<"new" | "known"> {
  try {
    return await mailbox.deliver(entry, store);
  } catch (error) {
    throw error instanceof Refusal ? error.cause : deliveryFailure(error);
  }
}

/** The handler has refused a message. `cause` is what it has thrown. */
class Refusal extends Error {
  constructor(cause: unknown) {
    super("the handler has refused the message", { cause });
  }
}

function call<Database extends SqliteDatabase>(
  handler: SqliteHandler<Database>,
  database: Database,
  message: FetchedMessage,
): "new" | "known" {
  let result: unknown;
  try {
    result = handler(database, message);
  } catch (error) {
    throw isStorageFailure(error) ? error : new Refusal(error);
  }
  if (isPromise(result)) {
    // Its rejection is of no interest.
    result.then(undefined, () => undefined);
    throw new Refusal(asynchronous());
  }
  return result === "known" ? "known" : "new";
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as Partial<PromiseLike<unknown>> | null | undefined)?.then === "function";
}

function asynchronous(): DestinationError {
  return new DestinationError(
    "the handler of deliver() must not return a promise: a transaction of SQLite ends before it settles. " +
      "Do asynchronous work before or after the run",
    { down: true },
  );
}

function checkHandler(handler: unknown): void {
  if (typeof handler !== "function")
    throw configError(
      `handler must be a function that takes the database and a message (got ${shown(handler)})`,
    );
  if (Object.prototype.toString.call(handler) === "[object AsyncFunction]")
    throw configError(
      "handler must be a synchronous function (got an async function): a transaction of SQLite is synchronous",
    );
}

function notHeld({ mailbox }: Delivery): DestinationError {
  return new DestinationError(
    `the store does not hold ${printable(mailbox)} for this run: a destination of SqliteStore.deliver() must be used ` +
      "with the same store as `ledger`",
    { down: true },
  );
}
