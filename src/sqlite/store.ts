// A ledger in a database of SQLite, and a destination that stores messages in the transactions of the ledger.
import { setImmediate as turn } from "node:timers/promises";
import type { Destination } from "../fetch/destinations/destination.ts";
import { releaseMessages } from "../fetch/ledger/another-try.ts";
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
import { processName } from "../fetch/files/process-space.ts";
import { throwIfAborted } from "../net/failures.ts";
import { argumentError, checkText } from "../options/checks.ts";
import { openedUnlessAborted } from "../store/opened.ts";
import { checkDatabase, openDatabase, type SqliteDatabase } from "./database.ts";
import { destination, type SqliteDeliverOptions, type SqliteHandler } from "./destination.ts";
import { ledgerFailure } from "./failures.ts";
import { checkFree, isHeld, Leases } from "./leases.ts";
import { storeSettings, type SqliteStoreOptions } from "./options.ts";
import { Tables, type StoredMailbox } from "./tables.ts";
import { Transactions } from "./transactions.ts";

/** How many mailboxes are read at a time. */
const PAGE = 200;

/**
 * Remembers in a database of SQLite which messages were fetched, and stores the messages there with a function of
 * yours. The message and the note that it was delivered are in one transaction: it is there exactly once, whatever
 * happens to the process, and although the function compares no keys.
 *
 * Everything that arrives in one turn of the event loop shares one transaction and one sync, so it suits hundreds or
 * thousands of mailboxes. Any number of processes on one machine can use the same database. It must be on a local
 * disk. During a transaction the event loop stands still.
 *
 * @example
 * ```ts
 * await using store = new SqliteStore("./mail.db");
 * store.database.exec("CREATE TABLE IF NOT EXISTS mail (key TEXT, octets BLOB)");
 * const destination = store.deliver((database, { key, octets }) => {
 *   database.prepare("INSERT INTO mail VALUES (?, ?)").run(key, octets);
 * });
 * await fetchMail(account, { ledger: store, destination });
 * ```
 */
export class SqliteStore<Database extends SqliteDatabase = SqliteDatabase> implements Ledger {
  /** The database. The tables of the store have names with the prefix; do not write to them. */
  readonly database: Database;
  readonly #isOurs: boolean;
  readonly #tables: Tables;
  readonly #transactions: Transactions;
  readonly #leases: Leases;
  #closed: Promise<void> | undefined;

  /**
   * `database` is the path of a file, which is created if it is missing, readable for its owner only. Its directory
   * must exist. It is opened with `node:sqlite`, which Node 22.13 and later have. On Node 20, pass a `Database` of
   * `better-sqlite3`. The store sets `journal_mode=WAL` and `synchronous=FULL` in a database that you pass.
   *
   * Throws `POP3_CONFIG` if this Node has no `node:sqlite`, if the database is in memory, or if an option is invalid.
   * Throws `POP3_LEDGER` if the file cannot be opened.
   */
  constructor(database: string | Database, options?: SqliteStoreOptions) {
    const settings = storeSettings(options);
    this.#isOurs = typeof database === "string";
    this.database = (typeof database === "string" ? openDatabase(database) : database) as Database;
    checkDatabase(this.database);
    this.#tables = new Tables(this.database, settings.prefix);
    this.#transactions = new Transactions(this.database, () => this.#tables.migrate(), settings.busyTimeout);
    this.#leases = new Leases({ tables: this.#tables, transactions: this.#transactions }, settings);
  }

  /**
   * Opens the ledger of a mailbox, and holds it. Rejects with `POP3_MAILBOX_BUSY` if another run holds it, in this
   * process or in any other. Rejects with `POP3_LEDGER` if the database cannot be read or written.
   */
  async open(mailbox: string, options: LedgerOpenOptions = {}): Promise<MailboxLedger> {
    checkText("mailbox", mailbox, argumentError);
    checkOpenOptions(options);
    const { signal } = options;
    throwIfAborted(signal);
    const token = await processName();
    const work = (): ReturnType<Leases["take"]> => {
      throwIfAborted(signal);
      return this.#leases.take(mailbox, token);
    };
    const taken = this.#write(`cannot open the ledger of ${mailbox}`, work, false).then((held) => {
      this.#leases.held.add(held);
      return held;
    });
    return openedUnlessAborted(taken, signal);
  }

  /**
   * Reads what is known of a mailbox now, even if a run holds it. The result is empty if the mailbox is not known.
   * Rejects with `POP3_LEDGER` if the database cannot be read.
   */
  async read(mailbox: string): Promise<LedgerSnapshot> {
    checkText("mailbox", mailbox, argumentError);
    return this.#read(`cannot read the ledger of ${mailbox}`, () => {
      const stored = this.#tables.find(mailbox);
      return stored === undefined ? { entries: new Map(), state: {} } : this.#tables.snapshot(stored);
    });
  }

  /** Lists the known mailboxes, sorted by name. Rejects with `POP3_LEDGER` if the database cannot be read. */
  async *mailboxes(): AsyncGenerator<LedgerMailbox, void, undefined> {
    const ours = await processName();
    let after: string | undefined = "";
    while (after !== undefined) {
      const from: string = after;
      const page = await this.#read("cannot list the mailboxes", () => this.#tables.list(from, PAGE));
      for (const stored of page) {
        const { mailbox, state } = stored;
        yield { mailbox, state, held: isHeld(stored, ours, Date.now()) };
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
    await this.#write(`cannot rename the ledger of ${from} to ${to}`, () => {
      const [source, target] = [from, to].map((name) => this.#free(name, ours));
      if (source === undefined) throw noLedger(from, "");
      const nothing: LedgerSnapshot = { entries: new Map(), state: {} };
      const there = target === undefined ? nothing : tables.snapshot(target);
      const { keyName } = renamed(from, to, tables.snapshot(source), there);
      if (target !== undefined) tables.remove(target.id);
      tables.rename(source, to, keyName);
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
    return this.#write(`cannot delete the ledger of ${mailbox}`, () => {
      const stored = this.#free(mailbox, ours);
      if (stored !== undefined) this.#tables.clear(stored);
      return stored !== undefined;
    });
  }

  /**
   * Returns a destination that stores messages with a function, in the transaction that also records them as
   * delivered. Pass it to runs whose `ledger` is this store. Throws `POP3_CONFIG` if an option is invalid.
   *
   * The function receives the database and the message. It must not be asynchronous, and must not begin or end a
   * transaction; savepoints are allowed. What it throws undoes all that it has written for this message, and refuses
   * the message. With `DestinationError` it can report that it would refuse every other message, too. If it
   * returns `"known"`, the message counts as delivered before.
   *
   * @example
   * ```ts
   * const insert = store.database.prepare("INSERT INTO mail (octets) VALUES (?)");
   * const destination = store.deliver((_, { octets }) => void insert.run(octets), { limit: 10 * 1024 * 1024 });
   * ```
   */
  deliver(handler: SqliteHandler<Database>, options?: SqliteDeliverOptions): Destination {
    return destination(this.database, this.#leases.held, handler, options);
  }

  /**
   * Waits until everything is written, and closes the database if the store has opened it. End the runs first: a run
   * that still holds a mailbox loses it. You may call it more than once.
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
    if (this.#leases.held.size > 0) {
      const abandoned = this.#transactions.run(() => this.#leases.abandon(), { durable: false });
      // Then the leases end by themselves.
      abandoned.catch(() => undefined);
    }
    await this.#transactions.close();
    if (this.#isOurs) this.database.close();
  }

  /** Returns a mailbox that no run holds; `undefined` if it is not known. Throws `POP3_MAILBOX_BUSY`. */
  #free(mailbox: string, ours: string): StoredMailbox | undefined {
    const stored = this.#tables.find(mailbox);
    if (stored !== undefined) checkFree(stored, ours, Date.now());
    return stored;
  }

  #write<T>(what: string, work: () => T, durable = true): Promise<T> {
    return explained(what, this.#transactions.run(work, { durable }));
  }

  /** Reads in a turn of its own: a loop of reads must not keep the event loop from everything else. */
  async #read<T>(what: string, work: () => T): Promise<T> {
    await turn();
    return explained(what, this.#transactions.read(work));
  }
}

async function explained<T>(what: string, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw ledgerFailure(what, error);
  }
}
