// A transaction on a connection of its own. After its end it is known whether it was committed, or that this is not known.
import { printable } from "../protocol/printable.ts";
import { isRolledBack, UnknownOutcome } from "./failures.ts";
import type { PgClientLike, PgPoolClientLike, PgPoolLike, PgResultLike } from "./pool.ts";

/**
 * `READ COMMITTED`, because each statement must see what is there when it has its lock. `idle`: the server ends the
 * transaction of a process that is stopped in the middle of it; milliseconds.
 */
const begin = (idle: number, first: string): string =>
  `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = ${String(Math.ceil(idle))}; ${first}`;

/** Thrown by the work of a transaction to undo it. The call then resolves with `value`. */
export class Undo<T> extends Error {
  readonly value: T;

  constructor(value: T) {
    super("the transaction is undone");
    this.value = value;
  }
}

/** How a transaction begins. */
interface Beginning {
  /** See {@link begin}. */
  readonly idle: number;
  /** Statements that follow BEGIN in the same round trip. @default none */
  readonly first?: string;
}

/**
 * Calls `work` in a transaction. `work` returns its result, and statements that come before COMMIT in the same round
 * trip. Rejects with what `work` throws, or with the error of the database: then nothing was committed. Rejects with
 * {@link NotCommitted} if the COMMIT is refused, and with {@link UnknownOutcome} if the connection is lost during it.
 */
export async function inTransaction<Client extends PgClientLike, T>(
  pool: PgPoolLike<Client>,
  { idle, first = "" }: Beginning,
  work: (client: Client) => Promise<{ readonly value: T; readonly last?: string }>,
): Promise<T> {
  const client = await pool.connect();
  let lost: Error | undefined;
  // Without a listener, the loss of the connection would end the process. The next query reports it.
  const listener = (error: Error): void => void (lost ??= error);
  client.on?.("error", listener);
  let broken: Error | undefined;
  try {
    await client.query(begin(idle, first));
    const { value, last = "" } = await work(client);
    await commit(client, last);
    return value;
  } catch (error) {
    broken = lost ?? (await rolledBack(client, error));
    if (error instanceof Undo) return error.value as T;
    throw lost !== undefined && !(error instanceof UnknownOutcome) ? lost : error;
  } finally {
    client.release(broken);
    client.removeListener?.("error", listener);
  }
}

/** The database has refused the COMMIT: nothing was committed. */
export class NotCommitted extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? printable(cause.message) : "a statement of the transaction has failed", {
      cause,
    });
  }
}

async function commit(client: PgClientLike, last: string): Promise<void> {
  let results: PgResultLike | readonly PgResultLike[];
  try {
    results = await client.query(`${last}COMMIT`);
  } catch (error) {
    throw isRolledBack(error) ? new NotCommitted(error) : UnknownOutcome.ofCommit(error);
  }
  // After an error that the work has ignored, COMMIT is a ROLLBACK.
  if ([results].flat().at(-1)?.command === "ROLLBACK") throw new NotCommitted(undefined);
}

/** Ends the transaction. Returns an error if that is not possible: then the connection must be closed. */
async function rolledBack(client: PgPoolClientLike, cause: unknown): Promise<Error | undefined> {
  if (cause instanceof UnknownOutcome) return cause;
  try {
    await client.query("ROLLBACK");
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
