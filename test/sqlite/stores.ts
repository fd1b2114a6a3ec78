// Stores and databases for the tests, each in a directory that is removed after the test.
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { SqliteStore, type SqliteDatabase, type SqliteStoreOptions } from "popwright/sqlite";
import { HAS_NODE_SQLITE, openBetterSqlite3 } from "../better-sqlite3/install.ts";
import { scratch } from "../support/scratch.ts";

interface NodeSqlite {
  readonly DatabaseSync: new (path: string) => SqliteDatabase;
}

/** Opens a database as a program would that passes it to a store. */
export function openDatabase(path: string): SqliteDatabase {
  if (!HAS_NODE_SQLITE) return openBetterSqlite3(path);
  const { DatabaseSync } = process.getBuiltinModule("node:sqlite") as NodeSqlite;
  return new DatabaseSync(path);
}

export async function newPath(): Promise<string> {
  return join(await scratch(), "mail.db");
}

/** A store over a file, opened in the way that this runtime has. */
export function storeAt(path: string, options?: SqliteStoreOptions): SqliteStore {
  const database = HAS_NODE_SQLITE ? path : openDatabase(path);
  const store = new SqliteStore(database, options);
  onTestFinished(async () => {
    await store.close();
    if (typeof database !== "string") database.close();
  });
  return store;
}

export async function newStore(options?: SqliteStoreOptions): Promise<SqliteStore> {
  return storeAt(await newPath(), options);
}

/** The error of a full disk, as node:sqlite has it. */
export const full = (): Error =>
  Object.assign(new Error("database or disk is full"), { code: "ERR_SQLITE_ERROR", errcode: 13 });

/** A database that reports what is executed, and may fail instead. */
export class Watched implements SqliteDatabase {
  readonly inner: SqliteDatabase;
  readonly executed: string[] = [];
  fail: (sql: string) => Error | undefined = () => undefined;

  constructor(inner: SqliteDatabase) {
    this.inner = inner;
  }

  exec(sql: string): unknown {
    this.executed.push(sql);
    const error = this.fail(sql);
    if (error !== undefined) throw error;
    return this.inner.exec(sql);
  }

  prepare(sql: string): ReturnType<SqliteDatabase["prepare"]> {
    const inner = this.inner.prepare(sql);
    const get: typeof inner.get = (...values) => {
      const error = this.fail(sql);
      if (error !== undefined) throw error;
      return inner.get(...values);
    };
    const run: typeof inner.run = (...values) => {
      const error = this.fail(sql);
      if (error !== undefined) throw error;
      return inner.run(...values);
    };
    return { get, run, all: (...values) => inner.all(...values) };
  }

  close(): unknown {
    return this.inner.close();
  }

  /** How often something was executed since the last call. */
  count(sql: string): number {
    return this.executed.splice(0).filter((each) => each === sql).length;
  }
}
