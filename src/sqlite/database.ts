// The database of a store: what the store needs of its interface, and how a file is opened and checked.
import { printable } from "../protocol/printable.ts";
import { closeSync, openSync } from "node:fs";
import { checkText, configError, shown } from "../options/checks.ts";
import { ledgerFailure } from "./failures.ts";

/** A value that can be bound to a statement. */
export type SqliteValue = null | number | bigint | string | Uint8Array;

/** A prepared statement of `node:sqlite` or `better-sqlite3`. */
export interface SqliteStatement {
  /** Executes the statement. */
  run(...values: SqliteValue[]): {
    /** The number of rows that were changed. */
    readonly changes: number | bigint;
    /** The row that was inserted last. */
    readonly lastInsertRowid: number | bigint;
  };
  /** Returns the first row. */
  get(...values: SqliteValue[]): unknown;
  /** Returns all rows. */
  all(...values: SqliteValue[]): unknown[];
}

/** The part of a `DatabaseSync` of `node:sqlite`, or of a `Database` of `better-sqlite3`, that a store uses. */
export interface SqliteDatabase {
  /** Executes statements that have no parameters. */
  exec(sql: string): unknown;
  /** Prepares a statement. */
  prepare(sql: string): SqliteStatement;
  /** Closes the database. */
  close(): unknown;
}

/** A row of a table of ours. */
export type Row = Readonly<Record<string, SqliteValue>>;

/** 3.38: `STRICT` tables and the operator `->>`. */
const OLDEST = [3, 38] as const;

/** `synchronous=FULL`: a commit is on the disk. */
export const FULL = 2;
/** `synchronous=NORMAL`: a commit survives the end of the process, and is on the disk with the next full one. */
export const NORMAL = 1;

interface NodeSqlite {
  readonly DatabaseSync: new (path: string) => SqliteDatabase;
}

/**
 * Opens a file with `node:sqlite`, and creates it if it is missing, readable for its owner only. Throws
 * `POP3_CONFIG` if this Node has no `node:sqlite`, and `POP3_LEDGER` if the file cannot be opened.
 */
export function openDatabase(path: string): SqliteDatabase {
  checkText("the path of a SqliteStore", path);
  if (path === ":memory:" || path.startsWith("file:"))
    throw configError("the path of a SqliteStore must be the path of a file, not a URL or :memory:");
  // Not `import`: bundlers and older versions of Node do not know this module.
  const sqlite = process.getBuiltinModule("node:sqlite") as NodeSqlite | undefined;
  if (sqlite === undefined)
    throw configError(
      `new SqliteStore(path) needs node:sqlite, which Node ${printable(process.versions.node)} does not have: ` +
        "use Node 22.13 or later, or pass a Database of better-sqlite3 in place of the path",
    );
  try {
    // SQLite itself would let everyone read the mail. Its other files get the permissions of this one.
    closeSync(openSync(path, "a", 0o600));
    return new sqlite.DatabaseSync(path);
  } catch (error) {
    throw ledgerFailure(`cannot open the database ${path}`, error);
  }
}

/** Throws `POP3_CONFIG` if the value is not a database that a store can use, and `POP3_LEDGER` if it cannot be read. */
export function checkDatabase(database: unknown): void {
  const { exec, prepare, close } = (database ?? {}) as Partial<SqliteDatabase>;
  if ([exec, prepare, close].some((method) => typeof method !== "function"))
    throw configError(
      "the database of a SqliteStore must be a path, a DatabaseSync of node:sqlite or a Database of " +
        `better-sqlite3 (got ${shown(database)})`,
    );
  try {
    checkKind(database as SqliteDatabase);
  } catch (error) {
    throw ledgerFailure("cannot use the database", error);
  }
}

function checkKind(database: SqliteDatabase): void {
  const { version } = (database.prepare("SELECT sqlite_version() AS version").get() ?? {}) as Partial<Row>;
  if (typeof version !== "string")
    throw configError("the database of a SqliteStore must return rows as objects, as it does by default");
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
    throw configError(`SqliteStore needs SQLite ${OLDEST.join(".")} or later (got ${printable(version)})`);
  const file = database.prepare("PRAGMA database_list").all() as Row[];
  if (file.find(({ name }) => name === "main")?.["file"] === "")
    throw configError(
      "SqliteStore needs a database in a file (got one in memory): use MemoryLedger if nothing must be kept",
    );
}

/** Executes a pragma, and returns its value. */
function pragma(database: SqliteDatabase, sql: string): SqliteValue | undefined {
  return Object.values((database.prepare(`PRAGMA ${sql}`).get() ?? {}) as Row)[0];
}

/**
 * Calls `work`, in which a lock of another process is an error at once: the event loop must not wait for it. A
 * database of `better-sqlite3` waits for 5 seconds by default.
 */
export function withoutWaiting<T>(database: SqliteDatabase, work: () => T): T {
  const timeout = Number(pragma(database, "busy_timeout"));
  if (timeout === 0) return work();
  database.exec("PRAGMA busy_timeout=0");
  try {
    return work();
  } finally {
    database.exec(`PRAGMA busy_timeout=${String(timeout)}`);
  }
}

/**
 * Makes each commit durable: WAL, and `synchronous` at least FULL. Returns the level of `synchronous`. Throws
 * `POP3_CONFIG` if the database does not accept that.
 */
export function makeDurable(database: SqliteDatabase): number {
  const mode = pragma(database, "journal_mode=WAL");
  if (mode !== "wal")
    throw configError(
      `SqliteStore needs journal_mode=WAL, but the database stays in journal_mode=${String(mode)}: ` +
        "it must be in a file on a local disk",
    );
  if (Number(pragma(database, "synchronous")) < FULL) database.exec(`PRAGMA synchronous=${String(FULL)}`);
  const level = Number(pragma(database, "synchronous"));
  if (level < FULL)
    throw configError(`SqliteStore needs synchronous=FULL, but the database stays at ${String(level)}`);
  return level;
}
