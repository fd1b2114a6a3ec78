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
