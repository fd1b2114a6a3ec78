// Group commit: all operations that arrive in one turn of the event loop share one transaction, and so one sync.
// An operation that throws undoes only its own changes. A failed COMMIT fails all of them.
import { LedgerError } from "../fetch/ledger/ledger-error.ts";
import { FULL, makeDurable, NORMAL, withoutWaiting, type SqliteDatabase } from "./database.ts";
import { isBusy } from "./failures.ts";

/** An operation, and the promise that waits for it. */
interface Operation {
  readonly work: () => unknown;
  /** Whether it must survive a failure of the power. */
  readonly durable: boolean;
  /** When it arrived, by `performance.now()`. */
  readonly since: number;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** The event loop stands still during a transaction: this many operations are short enough. */
const LARGEST = 500;

/** The pause before another process is asked for its lock again; milliseconds. */
const PAUSE = 5;

export class Transactions {
  readonly #database: SqliteDatabase;
  readonly #prepare: () => void;
  readonly #busyTimeout: number;
  #waiting: Operation[] = [];
  #isScheduled = false;
  #isClosed = false;
  /** The level of `synchronous`, once the database is prepared. */
  #synchronous: number | undefined;
  #idle: (() => void) | undefined;

  /** `prepare` creates the tables. It is called before the first operation, in a transaction of its own. */
  constructor(database: SqliteDatabase, prepare: () => void, busyTimeout: number) {
    this.#database = database;
    this.#prepare = prepare;
    this.#busyTimeout = busyTimeout;
  }

  /**
   * Calls `work` in the transaction of this turn. Resolves with its result when the transaction is committed.
   * Rejects with what `work` throws, after its changes were undone, and with the error of SQLite if the
   * transaction cannot be committed. If all operations of a transaction are not `durable`, it is not synced: it
   * survives the end of the process, and is synced with the next one.
   */
  run<T>(work: () => T, { durable }: { readonly durable: boolean }): Promise<T> {
    if (this.#isClosed) return Promise.reject(storeClosed());
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, durable, since: performance.now(), resolve, reject });
      this.#schedule();
    });
  }

  /**
   * Calls `work`, which is not ours, within an operation. Throws if it has ended the transaction: what follows would
   * be written outside of it, and so without what `work` has written.
   */
  enclosed<T>(work: () => T): T {
    this.#database.exec("SAVEPOINT popwright_enclosed");
    const value = work();
    try {
      this.#database.exec("RELEASE popwright_enclosed");
    } catch (cause) {
      throw new LedgerError(
        "the transaction of the store has ended: a handler must not call BEGIN, COMMIT or ROLLBACK",
        { cause, temporary: true },
      );
    }
    return value;
  }

  /**
   * Calls `work`, which only reads, so that it sees one state of the database. It needs no lock, except for a moment
   * after another process has crashed: then it waits like an operation.
   */
  async read<T>(work: () => T): Promise<T> {
    if (this.#isClosed) throw storeClosed();
    if (this.#synchronous === undefined) return this.run(work, { durable: false });
    try {
      // A savepoint, because the program may have a transaction of its own open.
      this.#database.exec("SAVEPOINT popwright_read");
      try {
        return work();
      } finally {
        this.#database.exec("RELEASE popwright_read");
      }
    } catch (error) {
      if (!isBusy(error)) throw error;
      return this.run(work, { durable: false });
    }
  }

  /** Accepts no more operations, and resolves when all of them are committed or have failed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#waiting.length > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  #schedule(pause?: number): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const flush = (): void => {
      this.#isScheduled = false;
      this.#flush();
      if (this.#waiting.length === 0) this.#idle?.();
    };
    if (pause === undefined) setImmediate(flush);
    else setTimeout(flush, pause);
  }

  #flush(): void {
    const batch = this.#waiting.splice(0, LARGEST);
    let outcomes: readonly Outcome[];
    try {
      outcomes = this.#transaction(batch);
    } catch (error) {
      this.#failed(batch, error);
      return;
    }
    if (this.#waiting.length > 0) this.#schedule();
    for (const [at, { resolve, reject }] of batch.entries()) {
      const outcome = outcomes[at] as Outcome;
      if ("error" in outcome) reject(outcome.error);
      else resolve(outcome.value as never);
    }
  }

  /** Rejects the operations, except those that may wait longer for another process. */
  #failed(batch: readonly Operation[], error: unknown): void {
    const now = performance.now();
    const mayWait = ({ since }: Operation): boolean =>
      error instanceof NotBegun && isBusy(error.cause) && now - since < this.#busyTimeout;
    this.#waiting.unshift(...batch.filter(mayWait));
    if (this.#waiting.length > 0) this.#schedule(PAUSE * (0.5 + Math.random()));
    const cause = error instanceof NotBegun ? error.cause : error;
    for (const operation of batch) if (!mayWait(operation)) operation.reject(cause);
  }

  /** Throws if nothing of the batch is committed: {@link NotBegun} before its first operation. */
  #transaction(batch: readonly Operation[]): readonly Outcome[] {
    const database = this.#database;
    const isDurable = batch.some(({ durable }) => durable);
    const level = withoutWaiting(database, () => this.#begin(isDurable));
    try {
      const outcomes = batch.map(({ work }) => this.#attempt(work));
      database.exec("COMMIT");
      return outcomes;
    } catch (error) {
      // After some errors, such as a full disk, SQLite has ended the transaction itself.
      quietly(() => database.exec("ROLLBACK"));
      throw error;
    } finally {
      if (level !== this.#synchronous) quietly(() => this.#setSynchronous(this.#synchronous ?? FULL));
    }
  }

  /** Begins a transaction, and returns its level of `synchronous`. */
  #begin(isDurable: boolean): number {
    try {
      if (this.#synchronous === undefined) {
        const synchronous = makeDurable(this.#database);
        this.#prepareTables();
        this.#synchronous = synchronous;
      }
      const level = isDurable ? this.#synchronous : NORMAL;
      if (level !== this.#synchronous) this.#setSynchronous(level);
      this.#database.exec("BEGIN IMMEDIATE");
      return level;
    } catch (cause) {
      if (this.#synchronous !== undefined) quietly(() => this.#setSynchronous(this.#synchronous ?? FULL));
      throw new NotBegun(cause);
    }
  }

  #prepareTables(): void {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      this.#prepare();
      this.#database.exec("COMMIT");
    } catch (error) {
      quietly(() => this.#database.exec("ROLLBACK"));
      throw error;
    }
  }

  #setSynchronous(level: number): void {
    this.#database.exec(`PRAGMA synchronous=${String(level)}`);
  }

  /** Throws if the transaction has ended. */
  #attempt(work: () => unknown): Outcome {
    const database = this.#database;
    database.exec("SAVEPOINT popwright_operation");
    let outcome: Outcome;
    try {
      outcome = { value: work() };
    } catch (error) {
      outcome = { error };
    }
    try {
      if ("error" in outcome) database.exec("ROLLBACK TO popwright_operation");
      database.exec("RELEASE popwright_operation");
    } catch (cause) {
      throw "error" in outcome ? outcome.error : cause;
    }
    return outcome;
  }
}

/** The transaction could not begin: no operation was called. */
class NotBegun extends Error {
  constructor(cause: unknown) {
    super("the transaction could not begin", { cause });
  }
}

function quietly(work: () => unknown): void {
  try {
    work();
  } catch {
    // The first error matters more.
  }
}

function storeClosed(): LedgerError {
  return new LedgerError("the SqliteStore is closed: create a new one");
}
