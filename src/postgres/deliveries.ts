// Stores the messages of a group in one transaction with their entries. A message that is refused leaves nothing, and
// does not touch the others.
import type { LedgerEntry } from "../fetch/ledger/ledger.ts";
import { isSettled } from "../fetch/plan/entry.ts";
import { Refusal } from "../store/handler.ts";
import {
  deliveryFailure,
  isOfTransaction,
  isOutsideTransaction,
  isRolledBack,
  isTemporaryFailure,
  UnknownOutcome,
} from "./failures.ts";
import type { PgClientLike, PgPoolLike } from "./pool.ts";
import type { Holder, Tables } from "./tables.ts";
import { inTransaction, NotCommitted, Undo } from "./transaction.ts";

/** A message to store. */
export interface PendingDelivery {
  readonly entry: LedgerEntry;
  /** Calls the handler. */
  readonly store: (client: PgClientLike) => Promise<"new" | "known">;
}

/** What came of a message. */
export type Outcome = "new" | "known" | Refusal | Failed;

/** The message was not stored, because of the database. `cause` is its error. */
export class Failed extends Error {
  constructor(cause: unknown) {
    super("the database has failed", { cause });
  }
}

/** What the transaction needs of its mailbox. */
export interface Delivering {
  readonly pool: PgPoolLike;
  readonly tables: Tables;
  readonly holder: Holder;
  /** The longest time that the handler may let the connection idle; milliseconds. */
  readonly stale: number;
  /** The number of entries that the run has written before. */
  readonly place: number;
  /** Makes the error of a run that no longer holds the mailbox. */
  readonly lost: () => Error;
}

const SAVE = "SAVEPOINT popwright";
const KEEP = "RELEASE SAVEPOINT popwright; ";
const UNDO = "ROLLBACK TO SAVEPOINT popwright";

/**
 * Returns the outcome of each message, when those that are not refused are committed. Rejects if none of them is, and
 * with `UnknownOutcome` if that is not known.
 */
export async function deliverTogether(
  context: Delivering,
  messages: readonly PendingDelivery[],
): Promise<readonly Outcome[]> {
  const [only] = messages;
  try {
    if (messages.length > 1) return await grouped(context, messages);
    return [await alone(context, only as PendingDelivery)];
  } catch (error) {
    // For example a constraint that is checked at COMMIT, which does not tell whose it is.
    const cause = refusedAtCommit(error);
    if (messages.length === 1) return [new Refusal(cause)];
  }
  return oneAfterAnother(context, messages);
}

/** Each message has a transaction of its own. After an error, the rest is not tried. */
async function oneAfterAnother(
  context: Delivering,
  messages: readonly PendingDelivery[],
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const [at, message] of messages.entries()) {
    const place = context.place + at;
    const last = outcomes.at(-1);
    if (last instanceof Failed) outcomes.push(last);
    else
      outcomes.push(
        ...(await deliverTogether({ ...context, place }, [message]).catch((error: unknown) => [
          new Failed(error),
        ])),
      );
  }
  return outcomes;
}

/** Returns why COMMIT was refused, if that is because of the messages. Throws any other error. */
function refusedAtCommit(error: unknown): unknown {
  if (!(error instanceof NotCommitted)) throw error;
  const { cause } = error;
  if (isOutsideTransaction(cause)) throw UnknownOutcome.ofHandler();
  if (isTemporaryFailure(cause)) throw cause;
  return cause ?? error;
}

/** In four round trips, with one statement of the handler. */
async function alone(context: Delivering, message: PendingDelivery): Promise<Outcome> {
  const { pool, stale: idle } = context;
  return inTransaction<PgClientLike, Outcome>(pool, { idle, first: SAVE }, async (client) => {
    if (isKnown(await recorded(context, client, [message]), message)) throw new Undo<Outcome>("known");
    const outcome = await handled(client, message);
    if (outcome instanceof Refusal) {
      await undo(client);
      throw new Undo<Outcome>(outcome);
    }
    return { value: outcome, last: KEEP };
  });
}

/** In 4 + 2n round trips for n messages, with one statement of the handler for each. */
async function grouped(
  context: Delivering,
  messages: readonly PendingDelivery[],
): Promise<readonly Outcome[]> {
  const { pool, tables, holder, stale: idle } = context;
  return inTransaction<PgClientLike, readonly Outcome[]>(pool, { idle }, async (client) => {
    const before = await recorded(context, client, messages);
    const outcomes: Outcome[] = [];
    const undone: string[] = [];
    await client.query(SAVE);
    for (const message of messages) {
      const wasKnown = isKnown(before, message);
      const outcome = wasKnown ? "known" : await attempted(client, message);
      if (wasKnown || outcome instanceof Refusal) undone.push(message.entry.id);
      outcomes.push(outcome);
    }
    if (undone.length > 0) await tables.restore(client, holder, undone, before);
    return { value: outcomes };
  });
}

/** Records the entries of messages. Returns those that were there. Rejects if the run no longer holds the mailbox. */
async function recorded(
  { tables, holder, place, lost }: Delivering,
  client: PgClientLike,
  messages: readonly PendingDelivery[],
): Promise<ReadonlyMap<string, LedgerEntry>> {
  const entries = messages.map(({ entry }) => entry);
  const before = await tables.record(client, holder, entries, place);
  if (before === undefined) throw lost();
  return before;
}

function isKnown(before: ReadonlyMap<string, LedgerEntry>, { entry }: PendingDelivery): boolean {
  const old = before.get(entry.id);
  return old !== undefined && isSettled(old);
}

/** Calls the handler between two savepoints. Undoes what it has written if it refuses the message. */
async function attempted(client: PgClientLike, message: PendingDelivery): Promise<Outcome> {
  let outcome = await handled(client, message);
  try {
    if (!(outcome instanceof Refusal)) await client.query(KEEP + SAVE);
  } catch (error) {
    outcome = new Refusal(failedUnnoticed(error));
  }
  if (outcome instanceof Refusal) await undo(client);
  return outcome;
}

/** Calls the handler. Rejects if the database fails as a whole. */
async function handled(client: PgClientLike, { store }: PendingDelivery): Promise<Outcome> {
  try {
    return await store(client);
  } catch (error) {
    if (isOfTransaction(error)) return new Refusal(deliveryFailure(error));
    if (isTemporaryFailure(error)) throw error;
    return new Refusal(error);
  }
}

async function undo(client: PgClientLike): Promise<void> {
  try {
    await client.query(UNDO);
  } catch (error) {
    throw isOutsideTransaction(error) ? UnknownOutcome.ofHandler() : error;
  }
}

/** Makes the reason of a message whose handler has ignored an error. Throws any other error. */
function failedUnnoticed(cause: unknown): Error {
  if (isOutsideTransaction(cause)) throw UnknownOutcome.ofHandler();
  if (!isRolledBack(cause) || isTemporaryFailure(cause)) throw cause;
  return new Error("a statement of the handler has failed, and the handler has not thrown its error", {
    cause: deliveryFailure(cause),
  });
}
