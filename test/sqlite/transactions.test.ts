// Operations of one turn share a transaction. Each of them is undone alone, and a failed COMMIT fails all of them.
import { expect, test } from "vitest";
import type { MailboxLedger } from "popwright/fetch";
import { SqliteStore, type SqliteStoreOptions } from "popwright/sqlite";
import { full, newPath, openDatabase, storeAt, Watched } from "./stores.ts";

const entry = (id: string) => ({ id, status: "delivered", firstSeen: 1 }) as const;

async function watched(options?: SqliteStoreOptions): Promise<{
  readonly path: string;
  readonly database: Watched;
  readonly store: SqliteStore<Watched>;
  readonly mailboxes: readonly MailboxLedger[];
}> {
  const path = await newPath();
  const database = new Watched(openDatabase(path));
  const store = new SqliteStore(database, options);
  const mailboxes = await Promise.all(["a", "b", "c"].map((name) => store.open(name)));
  database.executed.splice(0);
  return { path, database, store, mailboxes };
}

const all = (mailboxes: readonly MailboxLedger[], id = "x"): Promise<PromiseSettledResult<void>[]> =>
  Promise.allSettled(mailboxes.map((mailbox) => mailbox.record({ entries: [entry(id)] })));

test("records of all mailboxes in one turn are one transaction", async () => {
  const { database, mailboxes } = await watched();
  await all([...mailboxes, ...mailboxes]);
  expect(database.count("COMMIT")).toBe(1);
});

test("a record is synced, an idle poll is not", async () => {
  const { database, store } = await watched();
  const mailbox = await store.open("d");
  expect(database.count("PRAGMA synchronous=1")).toBe(1);
  await mailbox.confirm?.();
  await mailbox.close({ state: { lastRun: 1, interval: 2 } });
  expect(database.executed).toContain("PRAGMA synchronous=1");
  expect(database.executed.at(-1)).toBe("PRAGMA synchronous=2");
  database.executed.splice(0);
  const again = await store.open("d");
  expect(again.state).toEqual({ lastRun: 1, interval: 2 });
  database.executed.splice(0);
  await again.close({ state: { lastRun: 1, failures: 1 } });
  expect(database.count("PRAGMA synchronous=1")).toBe(0);
});

test("a close that takes back what the run has recorded is synced", async () => {
  const { database, store } = await watched();
  const mailbox = await store.open("d");
  await mailbox.record({ state: { failures: 1 } });
  database.executed.splice(0);
  await mailbox.close({ state: {} });
  expect(database.count("PRAGMA synchronous=1")).toBe(0);
});

test("a handler that throws fails its own message only", async () => {
  const { database, store, mailboxes } = await watched();
  database.exec("CREATE TABLE mail (octets BLOB)");
  database.executed.splice(0);
  const destination = store.deliver((inner, { octets, key }) => {
    inner.prepare("INSERT INTO mail VALUES (?)").run(octets);
    if (key === "b") throw new Error("not this one");
  });
  const delivered = await Promise.allSettled(
    mailboxes.map(async (mailbox, at) => {
      const name = "abc"[at] as string;
      const delivery = {
        key: name,
        mailbox: name,
        uid: name,
        size: 1,
        headersOnly: false,
        fence: mailbox.fence,
      };
      const writer = await destination.begin(delivery, undefined, mailbox);
      if (writer === "known") throw new Error("it is not known");
      await writer.write(Buffer.from(name));
      return writer.commit(entry(name));
    }),
  );
  expect(delivered.map((each) => (each.status === "fulfilled" ? each.value : String(each.reason)))).toEqual([
    { recorded: "new" },
    "Error: not this one",
    { recorded: "new" },
  ]);
  expect(database.count("COMMIT")).toBe(1);
  const rows = database.prepare("SELECT CAST(octets AS TEXT) AS name FROM mail").all();
  expect(rows.map((row) => (row as { name: string }).name)).toEqual(["a", "c"]);
  const sizes = await Promise.all(mailboxes.map(async (mailbox) => (await mailbox.load()).size));
  expect(sizes).toEqual([1, 0, 1]);
});

test("a COMMIT that fails fails all of them, and nothing more is recorded", async () => {
  const { database, store, mailboxes } = await watched();
  database.fail = (sql) => (sql === "COMMIT" ? full() : undefined);
  for (const each of await all(mailboxes.slice(0, 2)))
    expect(each).toMatchObject({ status: "rejected", reason: { code: "POP3_LEDGER", temporary: true } });
  database.fail = () => undefined;
  const [first, , third] = await all(mailboxes, "y");
  expect(first).toMatchObject({ status: "rejected", reason: { message: /disk is full/ } });
  expect(third).toMatchObject({ status: "fulfilled" });
  await expect(mailboxes[0]?.close()).rejects.toMatchObject({ code: "POP3_LEDGER" });
  const again = await store.open("a");
  expect((await again.load()).size).toBe(0);
});

test("a transaction that SQLite has ended fails all of them", async () => {
  const { database, mailboxes } = await watched();
  let left = 2;
  database.fail = (sql) => {
    if (!sql.startsWith("RELEASE") || --left > 0) return undefined;
    database.inner.exec("ROLLBACK");
    return full();
  };
  const [first, second] = await all(mailboxes);
  database.fail = () => undefined;
  expect([first?.status, second?.status]).toEqual(["rejected", "rejected"]);
  expect((await mailboxes[2]?.load())?.size).toBe(0);
});

test("operations wait for another process that writes", async () => {
  const { path, database, mailboxes } = await watched();
  const other = openDatabase(path);
  other.exec("BEGIN IMMEDIATE");
  const recorded = all(mailboxes);
  while (database.executed.filter((sql) => sql === "BEGIN IMMEDIATE").length < 3)
    await new Promise((resolve) => setImmediate(resolve));
  other.exec("ROLLBACK");
  expect((await recorded).map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
  other.close();
});

test("operations wait no longer than busyTimeout", async () => {
  const { path, mailboxes } = await watched({ busyTimeout: 0 });
  const other = openDatabase(path);
  other.exec("BEGIN IMMEDIATE");
  const [first] = await all(mailboxes);
  expect(first).toMatchObject({
    reason: {
      code: "POP3_LEDGER",
      message: /^cannot write the ledger of a: database is locked$/,
      temporary: true,
    },
  });
  other.close();
});

test("operations wait for a transaction of the program itself", async () => {
  const { database, mailboxes } = await watched();
  database.inner.exec("BEGIN");
  const recorded = all(mailboxes);
  while (!database.executed.includes("BEGIN IMMEDIATE"))
    await new Promise((resolve) => setImmediate(resolve));
  database.inner.exec("COMMIT");
  expect((await recorded).map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
});

test("reads wait for another process that repairs the database", async () => {
  const { database, store, mailboxes } = await watched();
  const locked = Object.assign(new Error("database is locked"), { code: "SQLITE_BUSY_RECOVERY" });
  let left = 2;
  database.fail = (sql) => {
    const isReading = sql.startsWith("SELECT") && database.executed.at(-1) === "SAVEPOINT popwright_read";
    return isReading || (sql === "BEGIN IMMEDIATE" && left-- > 0) ? locked : undefined;
  };
  await mailboxes[0]?.confirm?.();
  left = 2;
  expect((await store.read("a")).entries.size).toBe(0);
  expect(left).toBe(-1);
});

test("an error says that the program has a transaction open", async () => {
  const { database, mailboxes } = await watched({ busyTimeout: 0 });
  database.inner.exec("BEGIN");
  const [first] = await all(mailboxes);
  database.inner.exec("COMMIT");
  expect(first).toMatchObject({
    reason: { message: /end it in the same turn, or give the store a connection/ },
  });
});

test("many operations are several transactions, in their order", async () => {
  const { database, mailboxes } = await watched();
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: 1200 }, async (_, at) => {
      await mailboxes[0]?.record({ entries: [entry("x")], state: { lastRun: at } });
      order.push(at);
    }),
  );
  expect(order).toEqual([...order].sort((a, b) => a - b));
  expect(database.count("COMMIT")).toBe(3);
});

test("a database that is damaged is not a temporary failure", async () => {
  const { database, mailboxes } = await watched();
  database.fail = (sql) =>
    sql === "COMMIT" ? Object.assign(new Error("malformed"), { code: "SQLITE_CORRUPT_VTAB" }) : undefined;
  const [first] = await all(mailboxes);
  expect(first).toMatchObject({ reason: { code: "POP3_LEDGER", temporary: false } });
});

test("close waits for what is being written", async () => {
  const path = await newPath();
  const store = storeAt(path);
  const mailbox = await store.open("a");
  const recorded = Promise.all(
    Array.from({ length: 900 }, (_, at) => mailbox.record({ entries: [entry(String(at))] })),
  );
  await store.close();
  await recorded;
  expect((await storeAt(path).read("a")).entries.size).toBe(900);
});
