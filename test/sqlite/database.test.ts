// Which databases a store takes, and what it sets in them.
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { SqliteStore, type SqliteDatabase } from "popwright/sqlite";
import { HAS_NODE_SQLITE } from "../better-sqlite3/install.ts";
import { scratch } from "../support/scratch.ts";
import { UNUSED } from "../support/sqlite.ts";
import { newPath, openDatabase, storeAt } from "./stores.ts";

const pragma = (database: SqliteDatabase, name: string): unknown =>
  Object.values(database.prepare(`PRAGMA ${name}`).get() as object)[0];

test("sets WAL and synchronous=FULL in the database that it is given, and keeps the rest", async () => {
  const database = openDatabase(await newPath());
  database.exec("PRAGMA synchronous=OFF; PRAGMA busy_timeout=77");
  const store = new SqliteStore(database);
  await (await store.open("ann")).close({ state: { lastRun: 1 } });
  expect(["journal_mode", "synchronous", "busy_timeout"].map((name) => pragma(database, name))).toEqual([
    ...["wal", 2, 77],
  ]);
  await store.close();
  // The store has not opened it, and does not close it.
  database.exec("SELECT 1");
  database.close();
});

test("keeps synchronous=EXTRA", async () => {
  const database = openDatabase(await newPath());
  database.exec("PRAGMA synchronous=EXTRA");
  const store = new SqliteStore(database);
  await (await store.open("ann")).close();
  expect(pragma(database, "synchronous")).toBe(3);
});

/** What only a store that opens the file itself does. */
function ownFileTests(): void {
  test("creates a file that only its owner can read, and closes it", async () => {
    const path = await newPath();
    const store = new SqliteStore(path);
    await (await store.open("ann")).close();
    for (const file of [path, `${path}-wal`]) expect((await stat(file)).mode & 0o777).toBe(0o600);
    await store.close();
    expect(() => store.database.exec("SELECT 1")).toThrow(/not open/);
  });

  test("says why it cannot open a file", async () => {
    const path = join(await scratch(), "missing", "mail.db");
    expect(() => new SqliteStore(path)).toThrow(/^cannot open the database .*ENOENT/);
  });
}
if (HAS_NODE_SQLITE) ownFileTests();

test("says what to do on a Node without node:sqlite", async () => {
  vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined);
  const path = await newPath();
  expect(() => new SqliteStore(path)).toThrow(/needs node:sqlite, .* pass a Database of better-sqlite3/);
  expect(() => new SqliteStore(path)).toThrow(expect.objectContaining({ code: "POP3_CONFIG" }));
});

test.each([":memory:", "file:mail.db"])("refuses the path %s", (path) => {
  expect(() => new SqliteStore(path)).toThrow(/must be the path of a file, not a URL or :memory:/);
});

test("refuses a database in memory", () => {
  const database = openDatabase(":memory:");
  expect(() => new SqliteStore(database)).toThrow(/needs a database in a file \(got one in memory\)/);
  database.close();
});

test.each<[string, RegExp, Partial<ReturnType<SqliteDatabase["prepare"]>>]>([
  ["an old SQLite", /needs SQLite 3\.38 or later \(got 3\.37\.2\)/, { get: () => ({ version: "3.37.2" }) }],
  ["rows as arrays", /must return rows as objects/, { get: () => ["3.50.0"] }],
])("refuses %s", (_, message, statement) => {
  const database = { ...UNUSED, prepare: () => ({ ...UNUSED.prepare(""), ...statement }) };
  expect(() => new SqliteStore(database)).toThrow(message);
});

test.each([
  ["journal_mode", "delete", /stays in journal_mode=delete: it must be in a file on a local disk$/],
  ["synchronous", 1, /needs synchronous=FULL, but the database stays at 1$/],
])("refuses a database that keeps its %s", async (name, value, message) => {
  const inner = openDatabase(await newPath());
  const prepare: SqliteDatabase["prepare"] = (sql) =>
    sql.startsWith(`PRAGMA ${name}`) ? { ...UNUSED.prepare(""), get: () => ({ value }) } : inner.prepare(sql);
  const store = new SqliteStore({ prepare, exec: (sql) => inner.exec(sql), close: () => undefined });
  const opened = store.open("ann");
  await expect(opened).rejects.toMatchObject({ code: "POP3_CONFIG" });
  await expect(opened).rejects.toThrow(message);
  inner.close();
});

test("a file that is not a database is not a temporary failure", async () => {
  const path = await newPath();
  await writeFile(path, "not a database, but long enough to be read as one. ".repeat(40));
  const opening = async (): Promise<unknown> => storeAt(path).open("ann");
  await expect(opening()).rejects.toMatchObject({
    ...{ code: "POP3_LEDGER", temporary: false },
    message: expect.stringMatching(/file is not a database$/) as string,
  });
});

test("tables of a later version are left alone", async () => {
  const path = await newPath();
  await (await storeAt(path).open("ann")).close();
  const database = openDatabase(path);
  database.exec("UPDATE popwright_meta SET value = 99 WHERE name = 'version'");
  database.close();
  await expect(storeAt(path).open("ann")).rejects.toMatchObject({
    ...{ code: "POP3_LEDGER", temporary: false },
    message: /have version 99, and this popwright knows only versions up to 1/,
  });
});

test("many stores may create the tables at the same time", async () => {
  const path = await newPath();
  const stores = Array.from({ length: 5 }, () => storeAt(path));
  const opened = await Promise.all(stores.map((store, at) => store.open(String(at))));
  expect(new Set(opened.map(({ fence }) => fence)).size).toBe(5);
});
