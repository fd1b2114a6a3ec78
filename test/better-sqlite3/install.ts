// Installs better-sqlite3 for the tests, on a Node that has no node:sqlite and if it is not there yet. It is compiled
// where there is no binary to download, which takes a minute or more.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import type { SqliteDatabase } from "../../src/sqlite/index.ts";

/** Whether this runtime can open a database itself. */
export const HAS_NODE_SQLITE: boolean = process.getBuiltinModule("node:sqlite") !== undefined;

/** @public Called by vitest before the first test. */
export default async function install(): Promise<void> {
  if (HAS_NODE_SQLITE || existsSync(join(import.meta.dirname, "node_modules/better-sqlite3/build/Release")))
    return;
  process.stderr.write("installing better-sqlite3 into test/better-sqlite3/node_modules\n");
  await promisify(execFile)("npm", ["ci", "--no-audit", "--no-fund"], { cwd: import.meta.dirname });
}

type BetterSqlite3 = new (path: string) => SqliteDatabase;

/** Opens a database with better-sqlite3. */
export function openBetterSqlite3(path: string): SqliteDatabase {
  const Database = createRequire(import.meta.url)("better-sqlite3") as BetterSqlite3;
  return new Database(path);
}
