// A ledger in a database of PostgreSQL, and a destination that stores messages in the transactions of the ledger.
import type { Destination } from "../fetch/destinations/destination.ts";
import { processName } from "../fetch/files/process-space.ts";
import { releaseMessages } from "../fetch/ledger/another-try.ts";
import { LedgerError } from "../fetch/ledger/ledger-error.ts";
import type {
  Ledger,
  LedgerEntry,
  LedgerMailbox,
  LedgerOpenOptions,
  LedgerSnapshot,
  MailboxLedger,
} from "../fetch/ledger/ledger.ts";
import { checkOpenOptions } from "../fetch/ledger/open-options.ts";
import { checkNames, noLedger, renamed } from "../fetch/ledger/renaming.ts";
import { throwIfAborted } from "../net/failures.ts";
import { argumentError, checkText } from "../options/checks.ts";
import { destination, type PostgresDeliverOptions, type PostgresHandler } from "./destination.ts";
import { ledgerFailure } from "./failures.ts";
import { checkFree, isHeld, Leases } from "./leases.ts";
import { storeSettings, type PostgresStoreOptions } from "./options.ts";
import { checkPool, type PgClientLike, type PgPoolLike } from "./pool.ts";
import { Schema, SCHEMA_TEXT } from "./schema.ts";
import { Tables } from "./tables.ts";
import { inTransaction } from "./transaction.ts";

/** How many mailboxes are read at a time. */
const PAGE = 200;

/**
 * Remembers in a database of PostgreSQL which messages were fetched, and stores the messages there with a function of
 * yours. The message and the note that it was delivered are in one transaction: it is there exactly once, whatever
 * happens to the process, to the server or to the connection, and although the function compares no keys.
 *
 * Any number of processes on any number of machines can use the same database. The leases of their mailboxes go by
 * the clock of the database. It needs PostgreSQL 12 or later, and works through PgBouncer in transaction mode.
 *
 * @example
 * ```ts
 * const store = new PostgresStore(new Pool({ connectionString: process.env["DATABASE_URL"] }));
 * await store.migrate();
 * const destination = store.deliver(async (client, { key, octets }) => {
 *   await client.query("INSERT INTO mail (key, octets) VALUES ($1, $2)", [key, octets]);
 * });
 * await fetchMail(account, { ledger: store, destination });
 * ```
 */
export class PostgresStore<Client extends PgClientLike = PgClientLike> implements Ledger {
  /**
   * The statements that create the tables in the schema `popwright`, for those who have migrations of their own. They
   * may be executed again. For another schema, replace `popwright` in the text by its name.
   */
  static readonly schema: string = SCHEMA_TEXT;

  readonly #pool: PgPoolLike<Client>;
  readonly #stale: number;
  readonly #schema: Schema;
  readonly #tables: Tables;
  readonly #leases: Leases;
  #closed: Promise<void> | undefined;

  /**
   * `pool` is a `Pool` of `pg`. The store does not close it. It listens to the event `error` of the pool, so that a
   * connection that is lost while nothing uses it does not end the process.
   *
   * Throws `POP3_CONFIG` if the pool is not one, or if an option is invalid. Nothing is sent yet.
   */
  constructor(pool: PgPoolLike<Client>, options?: PostgresStoreOptions) {
    const { schema, heartbeat, stale } = storeSettings(options);
    checkPool(pool);
    this.#pool = pool;
    this.#stale = stale;
    this.#schema = new Schema(pool, schema);
    this.#tables = new Tables(schema);
    this.#leases = new Leases({ pool, tables: this.#tables, heartbeat, stale });
  }

  /**
   * Creates the schema and its tables, or brings them to the version of this package. It does nothing if they are up to
   * date. Processes that call it at the same time wait for each other. Rejects with `POP3_LEDGER` if the database
   * cannot be reached, refuses a statement, or has tables of a later version.
   */
  async migrate(): Promise<void> {
    await this.#explained("cannot create the tables of the store", () => this.#schema.migrate());
  }

  /**
   * Opens the ledger of a mailbox, and holds it. Rejects with `POP3_MAILBOX_BUSY` if another run holds it, in this
   * process or in any other. Rejects with `POP3_LEDGER` if the database cannot be read or written, or if its tables are
   * missing.
   */
  async open(mailbox: string, options: LedgerOpenOptions = {}): Promise<MailboxLedger> {
    checkText("mailbox", mailbox, argumentError);
    checkOpenOptions(options);
    const { signal } = options;
    throwIfAborted(signal);
    return this.#asking(`cannot open the ledger of ${mailbox}`, async () => {
      const token = await processName();
      throwIfAborted(signal);
      const held = await this.#leases.take(mailbox, token);
      if (signal?.aborted === true) await held.close().catch(() => undefined);
      throwIfAborted(signal);
      return held;
    });
  }

  /**
   * Reads what is known of a mailbox now, even if a run holds it. The result is empty if the mailbox is not known.
   * Rejects with `POP3_LEDGER` if the database cannot be read.
   */
  async read(mailbox: string): Promise<LedgerSnapshot> {
    checkText("mailbox", mailbox, argumentError);
    const snapshot = await this.#asking(`cannot read the ledger of ${mailbox}`, () =>
      this.#tables.snapshot(this.#pool, mailbox),
    );
    return snapshot ?? { entries: new Map(), state: {} };
  }

  /** Lists the known mailboxes, sorted by name. Rejects with `POP3_LEDGER` if the database cannot be read. */
  async *mailboxes(): AsyncGenerator<LedgerMailbox, void, undefined> {
    const ours = await processName();
    let after: string | undefined = "";
    while (after !== undefined) {
      const from: string = after;
      const page = await this.#asking("cannot list the mailboxes", () =>
        this.#tables.list(this.#pool, from, PAGE),
      );
      for (const stored of page) {
        const { mailbox, state } = stored;
        yield { mailbox, state, held: isHeld(stored, ours) };
      }
      after = page.length < PAGE ? undefined : page.at(-1)?.mailbox;
    }
  }

  /**
   * Makes failed messages due again, as `FileLedger.release` does. Rejects with `POP3_MAILBOX_BUSY` while a run
   * holds the mailbox, and with `POP3_LEDGER` if the database cannot be read or written.
   */
  release(mailbox: string, id?: string): Promise<readonly LedgerEntry[]> {
    return releaseMessages(this, mailbox, id);
  }

  /**
   * Renames the ledger of a mailbox, after its host, port or user has changed. The keys of its messages stay as they
   * were, see {@link LedgerSnapshot.keyName}. Rejects with `POP3_MAILBOX_BUSY` while a run holds one of the two, and
   * with `POP3_CONFIG` if a name is invalid. Rejects with `POP3_LEDGER` if there is no ledger `from`, if `to` already
   * knows messages, or if the database cannot be written.
   */
  async rename(from: string, to: string): Promise<void> {
    checkNames(from, to);
    const ours = await processName();
    const tables = this.#tables;
    await this.#changing(`cannot rename the ledger of ${from} to ${to}`, async (client) => {
      const locked = await tables.lock(client, [from, to]);
      for (const stored of locked.values()) checkFree(stored, ours);
      const [source, target] = [locked.get(from), locked.get(to)];
      const known = await tables.snapshot(client, from);
      if (source === undefined || known === undefined) throw noLedger(from, "");
      const nothing: LedgerSnapshot = { entries: new Map(), state: {} };
      const { keyName } = renamed(from, to, known, (await tables.snapshot(client, to)) ?? nothing);
      if (target !== undefined) await tables.remove(client, target.id);
      await tables.rename(client, source, to, keyName);
    });
  }

  /**
   * Forgets everything about a mailbox. The next run treats all its messages as new, and delivers them again.
   * Resolves with whether it was known. Rejects with `POP3_MAILBOX_BUSY` while a run holds it, and with
   * `POP3_LEDGER` if the database cannot be written.
   */
  async delete(mailbox: string): Promise<boolean> {
    checkText("mailbox", mailbox, argumentError);
    const ours = await processName();
    return this.#changing(`cannot delete the ledger of ${mailbox}`, async (client) => {
      const stored = (await this.#tables.lock(client, [mailbox])).get(mailbox);
      if (stored === undefined) return false;
      checkFree(stored, ours);
      await this.#tables.clear(client, stored);
      return true;
    });
  }

  /**
   * Returns a destination that stores messages with a function, in the transaction that also records them as
   * delivered. Pass it to runs whose `ledger` is this store. Throws `POP3_CONFIG` if an option is invalid.
   *
   * The function receives a client of the pool and the message, and the store waits for its promise. It must use that
   * client, and must not begin or end a transaction; savepoints are allowed. What it throws undoes all that it has
   * written for this message, and refuses the message. With `DestinationError` it can report that it would refuse
   * every other message, too. If it returns `"known"`, the message counts as delivered before.
   *
   * @example
   * ```ts
   * const insert = "INSERT INTO mail (mailbox, octets) VALUES ($1, $2)";
   * const destination = postgres.deliver(
   *   async (client, { mailbox, octets }) => void (await client.query(insert, [mailbox, octets])),
   *   { limit: 10 * 1024 * 1024 },
   * );
   * ```
   */
  deliver(handler: PostgresHandler<Client>, options?: PostgresDeliverOptions): Destination {
    return destination(this.#leases.held, handler, options);
  }

  /**
   * Waits until everything is written. It does not close the pool. End the runs first: a run that still holds a
   * mailbox loses it. You may call it more than once.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Calls {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await Promise.all(this.#leases.held.all().map((mailbox) => mailbox.settled()));
    await this.#leases.abandon();
  }

  /** Calls `work` in a transaction. */
  #changing<T>(what: string, work: (client: PgClientLike) => Promise<T>): Promise<T> {
    return this.#asking(what, () =>
      inTransaction(this.#pool, { idle: this.#stale }, async (client) => ({ value: await work(client) })),
    );
  }

  /** Calls `work` if the tables are there. */
  #asking<T>(what: string, work: () => Promise<T>): Promise<T> {
    return this.#explained(what, async () => {
      await this.#schema.checked();
      return work();
    });
  }

  async #explained<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw new LedgerError("the PostgresStore is closed: create a new one");
    try {
      return await work();
    } catch (error) {
      throw ledgerFailure(what, error);
    }
  }
}
