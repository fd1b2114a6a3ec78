// The tables of a store, their versions, and the statements that read and write them.
import { printable } from "../protocol/printable.ts";
import { LedgerError } from "../fetch/ledger/ledger-error.ts";
import type { LedgerChanges, LedgerEntry, LedgerSnapshot, MailboxState } from "../fetch/ledger/ledger.ts";
import { decodeText, encodeText } from "../store/text.ts";
import type { Row, SqliteDatabase, SqliteStatement, SqliteValue } from "./database.ts";

/** A mailbox as stored. */
export interface StoredMailbox {
  readonly id: number;
  readonly mailbox: string;
  readonly state: MailboxState;
  readonly keyName: string | undefined;
  /** The token of the run that holds the mailbox, or has not closed it. */
  readonly token: string | undefined;
  /** When its lease ends; milliseconds since 1970. */
  readonly expires: number;
}

/** Identifies a run that holds a mailbox. */
export interface Holder {
  /** The mailbox. */
  readonly id: number;
  readonly token: string;
  readonly fence: bigint;
}

/** The statements that make version n + 1 of the tables of version n. `$` is the prefix of their names. */
const VERSIONS: readonly string[] = [
  `CREATE TABLE $mailboxes (
     id INTEGER PRIMARY KEY,
     mailbox TEXT NOT NULL UNIQUE,
     key_name TEXT,
     state TEXT NOT NULL DEFAULT '{}',
     token TEXT,
     fence INTEGER NOT NULL DEFAULT 0,
     expires INTEGER NOT NULL DEFAULT 0
   ) STRICT;
   CREATE TABLE $entries (
     mailbox INTEGER NOT NULL,
     id TEXT NOT NULL,
     fence INTEGER NOT NULL,
     place INTEGER NOT NULL,
     entry TEXT NOT NULL,
     PRIMARY KEY (mailbox, id)
   ) STRICT, WITHOUT ROWID;
   INSERT INTO $meta (name, value) VALUES ('fence', 0);`,
];

export class Tables {
  readonly #database: SqliteDatabase;
  readonly #prefix: string;
  readonly #statements: Map<string, SqliteStatement> = new Map();

  /** `prefix` must be a part of a name that needs no quotes. */
  constructor(database: SqliteDatabase, prefix: string) {
    this.#database = database;
    this.#prefix = prefix;
  }

  /** Creates the tables, or brings them to the present version. Call it in a transaction. */
  migrate(): void {
    this.#exec("CREATE TABLE IF NOT EXISTS $meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT");
    const version = Number(this.#get("SELECT value FROM $meta WHERE name = 'version'")?.["value"] ?? 0);
    if (version > VERSIONS.length)
      throw new LedgerError(
        `the tables ${printable(this.#prefix)}* have version ${String(version)}, and this popwright knows only versions up to ` +
          `${String(VERSIONS.length)}: use the version of popwright that has written them, or a later one`,
      );
    for (const step of VERSIONS.slice(version)) this.#exec(step);
    this.#run("INSERT OR REPLACE INTO $meta (name, value) VALUES ('version', ?)", VERSIONS.length);
  }

  find(mailbox: string): StoredMailbox | undefined {
    const row = this.#get("SELECT * FROM $mailboxes WHERE mailbox = ?", encodeText(mailbox));
    return row === undefined ? undefined : storedMailbox(row);
  }

  /** Returns at most `limit` mailboxes whose stored names are greater than that of `after`, sorted by them. */
  list(after: string, limit: number): StoredMailbox[] {
    const rows = this.#prepared("SELECT * FROM $mailboxes WHERE mailbox > ? ORDER BY mailbox LIMIT ?").all(
      encodeText(after),
      limit,
    );
    return (rows as Row[]).map(storedMailbox);
  }

  /** Adds a mailbox, and returns its id. */
  add(mailbox: string): number {
    return Number(
      this.#prepared("INSERT INTO $mailboxes (mailbox) VALUES (?)").run(encodeText(mailbox)).lastInsertRowid,
    );
  }

  /**
   * Returns a number that is greater than all before, of all mailboxes. It is at least the time, so that it also
   * grows if the database is lost, or replaced by an older copy.
   */
  nextFence(now: number): bigint {
    this.#run("UPDATE $meta SET value = max(value + 1, ?) WHERE name = 'fence'", Math.trunc(now));
    return BigInt(this.#get("SELECT value FROM $meta WHERE name = 'fence'")?.["value"] as number | bigint);
  }

  /** Gives the mailbox to a run until `expires`. */
  hold({ id, token, fence }: Holder, expires: number): void {
    this.#run(
      "UPDATE $mailboxes SET token = ?, fence = ?, expires = ? WHERE id = ?",
      token,
      fence,
      expires,
      id,
    );
  }

  /** Returns whether the run still holds the mailbox. */
  isHeld({ id, token, fence }: Holder): boolean {
    return (
      this.#get("SELECT 1 FROM $mailboxes WHERE id = ? AND token = ? AND fence = ?", id, token, fence) !==
      undefined
    );
  }

  /** Renews the lease. Returns whether the run still holds the mailbox. */
  renew({ id, token, fence }: Holder, expires: number): boolean {
    const sql = "UPDATE $mailboxes SET expires = ? WHERE id = ? AND token = ? AND fence = ?";
    return Number(this.#prepared(sql).run(expires, id, token, fence).changes) === 1;
  }

  /** Releases the mailbox, if the run still holds it. */
  release({ id, token, fence }: Holder): void {
    this.#run(
      "UPDATE $mailboxes SET token = NULL WHERE id = ? AND token = ? AND fence = ?",
      id,
      token,
      fence,
    );
  }

  /** Returns the entry with this id. */
  entry(mailbox: number, id: string): LedgerEntry | undefined {
    const row = this.#get("SELECT entry FROM $entries WHERE mailbox = ? AND id = ?", mailbox, encodeText(id));
    return row === undefined ? undefined : (JSON.parse(row["entry"] as string) as LedgerEntry);
  }

  /** Returns all entries, in the order in which they were first recorded. */
  entries(mailbox: number): Map<string, LedgerEntry> {
    const rows = this.#prepared("SELECT entry FROM $entries WHERE mailbox = ? ORDER BY fence, place").all(
      mailbox,
    );
    const list = JSON.parse(
      `[${(rows as Row[]).map(({ entry }) => entry as string).join()}]`,
    ) as LedgerEntry[];
    return new Map(list.map((entry) => [entry.id, entry]));
  }

  snapshot({ id, state, keyName }: StoredMailbox): LedgerSnapshot {
    const entries = this.entries(id);
    return keyName === undefined ? { entries, state } : { entries, state, keyName };
  }

  /** Makes the changes of a record. `place`: the number of entries that the run has recorded before. */
  change({ id: mailbox, fence }: Holder, changes: LedgerChanges, place: number): void {
    const { entries = [], forgotten = [], state } = changes;
    for (const [at, entry] of entries.entries())
      this.#run(
        `INSERT INTO $entries (mailbox, id, fence, place, entry) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET entry = excluded.entry`,
        mailbox,
        encodeText(entry.id),
        fence,
        place + at,
        JSON.stringify(entry),
      );
    for (const id of forgotten)
      this.#run("DELETE FROM $entries WHERE mailbox = ? AND id = ?", mailbox, encodeText(id));
    if (state !== undefined)
      this.#run("UPDATE $mailboxes SET state = ? WHERE id = ?", JSON.stringify(state), mailbox);
  }

  /** Forgets the messages and the state of a mailbox. Its name in keys stays. */
  clear({ id, keyName }: StoredMailbox): void {
    this.#run("DELETE FROM $entries WHERE mailbox = ?", id);
    if (keyName === undefined) this.#run("DELETE FROM $mailboxes WHERE id = ?", id);
    else this.#run("UPDATE $mailboxes SET state = '{}', token = NULL WHERE id = ?", id);
  }

  /** Replaces the name of a mailbox. No mailbox may have the new one. */
  rename({ id }: StoredMailbox, mailbox: string, keyName: string | undefined): void {
    this.#run(
      "UPDATE $mailboxes SET mailbox = ?, key_name = ?, token = NULL WHERE id = ?",
      encodeText(mailbox),
      keyName === undefined ? null : encodeText(keyName),
      id,
    );
  }

  /** Removes a mailbox with all that is known of it. */
  remove(id: number): void {
    this.#run("DELETE FROM $entries WHERE mailbox = ?", id);
    this.#run("DELETE FROM $mailboxes WHERE id = ?", id);
  }

  #exec(sql: string): void {
    this.#database.exec(this.#named(sql));
  }

  #run(sql: string, ...values: readonly SqliteValue[]): void {
    this.#prepared(sql).run(...values);
  }

  #get(sql: string, ...values: readonly SqliteValue[]): Row | undefined {
    return this.#prepared(sql).get(...values) as Row | undefined;
  }

  #prepared(sql: string): SqliteStatement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(this.#named(sql));
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #named(sql: string): string {
    return sql.replaceAll("$", this.#prefix);
  }
}

function storedMailbox({ id, mailbox, state, key_name: keyName, token, expires }: Row): StoredMailbox {
  return {
    id: Number(id),
    mailbox: decodeText(mailbox as string),
    state: JSON.parse(state as string) as MailboxState,
    keyName: typeof keyName === "string" ? decodeText(keyName) : undefined,
    token: typeof token === "string" ? token : undefined,
    expires: Number(expires),
  };
}
