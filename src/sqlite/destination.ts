// Delivers messages to a function, in the transactions of a store.
import type { Destination } from "../fetch/destinations/destination.ts";
import { DestinationError } from "../fetch/destinations/destination-error.ts";
import type { FetchedMessage } from "../fetch/destinations/function.ts";
import { configError, shown } from "../options/checks.ts";
import { isPromise } from "../protocol/foreign-error.ts";
import { Refusal, storeDestination } from "../store/handler.ts";
import type { HeldMailboxes } from "../store/held-mailboxes.ts";
import type { SqliteDatabase } from "./database.ts";
import { deliveryFailure, isStorageFailure } from "./failures.ts";
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

export function destination<Database extends SqliteDatabase>(
  database: Database,
  held: HeldMailboxes<SqliteMailbox>,
  handler: SqliteHandler<Database>,
  options?: SqliteDeliverOptions,
): Destination {
  checkHandler(handler);
  return storeDestination<SqliteMailbox>(
    {
      store: "SqliteStore",
      heldBy: (delivery) => held.heldBy(delivery),
      deliver: (mailbox, entry, message) => mailbox.deliver(entry, () => call(handler, database, message)),
      failure: deliveryFailure,
    },
    options,
  );
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
  // Its rejection is of no interest.
  if (isPromise(result, () => undefined)) throw new Refusal(asynchronous());
  return result === "known" ? "known" : "new";
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
