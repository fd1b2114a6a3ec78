// What PostgresStore keeps, and what it does as a ledger.
import { expect, test } from "vitest";
import type { LedgerEntry, LedgerMailbox } from "popwright/fetch";
import { PostgresStore, type PostgresStoreOptions } from "popwright/postgres";
import { newPlace, newPool, storeAt } from "./stores.ts";

const ANN = "ann@pop.example.com:995";
const BEA = "bea@pop.example.com:995";

const delivered = (id: string, more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  id,
  status: "delivered",
  firstSeen: 1_760_000_000_000,
  ...more,
});

async function all(store: PostgresStore): Promise<LedgerMailbox[]> {
  const found: LedgerMailbox[] = [];
  for await (const mailbox of store.mailboxes()) found.push(mailbox);
  return found;
}

test("knows everything again, in the same order", async () => {
  const place = await newPlace();
  const before = await storeAt(place).open(ANN);
  const failed = delivered("b", {
    ...{ status: "failed", size: 2048, headers: "0f".repeat(32), tries: 3, retryAt: 2, goneSince: 3 },
    reason: 'no "space"\r\nleft \u2028',
  });
  const entries = [delivered("c"), failed, delivered("\0digest"), delivered("\ud800"), delivered("\ud801")];
  await before.record({ entries });
  await before.record({ entries: [delivered("c", { size: 5 }), delivered("a")], forgotten: ["b", "no"] });
  const state = { lastRun: 5, notBefore: 6, interval: 7, listing: "x", crashes: 1 };
  await before.close({ state });
  const after = await storeAt(place).open(ANN);
  expect(after.state).toEqual(state);
  expect([...(await after.load())]).toEqual(
    [delivered("c", { size: 5 }), ...entries.slice(2), delivered("a")].map((entry) => [entry.id, entry]),
  );
  expect(after.takenOver).toBe(false);
});

test("the status of an entry can be queried, also that of one without a unique-id", async () => {
  const place = await newPlace();
  const mailbox = await storeAt(place).open(ANN);
  await mailbox.close({ entries: [delivered("\0digest"), delivered("a", { status: "failed" })] });
  const query = `SELECT m.mailbox, e.entry ->> 'status' AS status, count(*)::int AS count
    FROM ${place.schema}.mailboxes m JOIN ${place.schema}.entries e ON e.mailbox = m.id GROUP BY 1, 2 ORDER BY 2`;
  expect((await place.pool.query(query)).rows).toEqual([
    { mailbox: ANN, status: "delivered", count: 1 },
    { mailbox: ANN, status: "failed", count: 1 },
  ]);
});

test("records that wait at the same time are one statement, in their order", async () => {
  const mailbox = await storeAt(await newPlace()).open(ANN);
  await Promise.all([
    mailbox.record({ entries: [delivered("a"), delivered("b")], state: { lastRun: 1 } }),
    mailbox.record({ forgotten: ["a"] }),
    mailbox.record({ entries: [delivered("a", { size: 2 })], forgotten: ["b"], state: { lastRun: 2 } }),
    mailbox.record({ forgotten: ["b", "c"] }),
  ]);
  expect([...(await mailbox.load()).values()]).toEqual([delivered("a", { size: 2 })]);
});

test("gives a mailbox to one run at a time, in any process", async () => {
  const place = await newPlace();
  const [store, other] = [storeAt(place), storeAt(place)];
  const first = await store.open(ANN);
  for (const each of [store, other])
    await expect(each.open(ANN)).rejects.toMatchObject({
      code: "POP3_MAILBOX_BUSY",
      message: `another run is fetching the mail of ${ANN}`,
    });
  await (await other.open(BEA)).close();
  await first.close();
  await (await other.open(ANN)).close();
});

test("of many runs that open a new mailbox at the same time, one has it", async () => {
  const place = await newPlace();
  const stores = [storeAt(place), storeAt(place)];
  const opened = await Promise.allSettled(
    Array.from({ length: 20 }, (_, at) => (stores[at % 2] as PostgresStore).open(ANN)),
  );
  expect(opened.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  for (const each of opened)
    if (each.status === "rejected") expect(each.reason).toMatchObject({ code: "POP3_MAILBOX_BUSY" });
});

test("may be closed twice, and records nothing after that", async () => {
  const store = storeAt(await newPlace());
  const first = await store.open(ANN);
  await Promise.all([first.record({ entries: [delivered("a")] }), first.close(), first.close()]);
  const second = await store.open(ANN);
  await first.close();
  await expect(first.record({})).rejects.toMatchObject({
    code: "POP3_LEDGER",
    message: "the ledger of the mailbox was closed: call open() again",
  });
  await expect(store.open(ANN)).rejects.toMatchObject({ code: "POP3_MAILBOX_BUSY" });
  expect((await second.load()).size).toBe(1);
});

test("lists all mailboxes, and which of them are held", async () => {
  const store = storeAt(await newPlace());
  const names = Array.from({ length: 450 }, (_, at) => `user-${String(at).padStart(3, "0")}\0"\\`);
  const opened = await Promise.all(names.map((name) => store.open(name)));
  await Promise.all(opened.slice(1).map((mailbox) => mailbox.close({ state: { lastRun: 1 } })));
  expect(await all(store)).toEqual(
    names.map((mailbox, at) => ({ mailbox, state: at === 0 ? {} : { lastRun: 1 }, held: at === 0 })),
  );
});

test("deletes a mailbox that no run holds, and its name in keys stays", async () => {
  const store = storeAt(await newPlace());
  expect(await store.delete(ANN)).toBe(false);
  const mailbox = await store.open(ANN);
  await mailbox.record({ entries: [delivered("a")], state: { lastRun: 1 } });
  await expect(store.delete(ANN)).rejects.toMatchObject({ code: "POP3_MAILBOX_BUSY" });
  await mailbox.close();
  expect(await store.delete(ANN)).toBe(true);
  expect(await store.read(ANN)).toEqual({ entries: new Map(), state: {} });
  expect(await all(store)).toEqual([]);

  const again = await store.open(ANN);
  expect((await again.load()).size).toBe(0);
  await again.close({ entries: [delivered("a")], state: { lastRun: 1 } });
  await store.rename(ANN, BEA);
  expect(await store.delete(BEA)).toBe(true);
  expect(await store.read(BEA)).toEqual({ entries: new Map(), state: {}, keyName: ANN });
});

test("renames a mailbox, and its name in keys stays", async () => {
  const store = storeAt(await newPlace());
  const ann = await store.open(ANN);
  await ann.record({ entries: [delivered("a")], state: { lastRun: 1 } });
  await expect(store.rename(ANN, BEA)).rejects.toMatchObject({ code: "POP3_MAILBOX_BUSY" });
  await ann.close();
  // A run of the new name that found nothing.
  await (await store.open(BEA)).close();
  await store.rename(ANN, BEA);
  const known = { entries: new Map([["a", delivered("a")]]), state: { lastRun: 1 } };
  expect(await store.read(BEA)).toEqual({ ...known, keyName: ANN });
  const bea = await store.open(BEA);
  expect(bea.keyName).toBe(ANN);
  await bea.close();
  await store.rename(BEA, ANN);
  expect(await store.read(ANN)).toEqual(known);
});

test("renames no mailbox that it does not know, and none to one that knows messages", async () => {
  const store = storeAt(await newPlace());
  await expect(store.rename(ANN, BEA)).rejects.toMatchObject({
    code: "POP3_LEDGER",
    message: `there is no ledger of ${ANN}`,
  });
  for (const [name, id] of [
    [ANN, "a"],
    [BEA, "b"],
  ] as const)
    await (await store.open(name)).close({ entries: [delivered(id)] });
  await expect(store.rename(ANN, BEA)).rejects.toMatchObject({ code: "POP3_LEDGER" });
  expect([...(await store.read(ANN)).entries.keys()]).toEqual(["a"]);
});

test("makes failed messages due again", async () => {
  const store = storeAt(await newPlace());
  const mailbox = await store.open(ANN);
  const failed = delivered("a", { status: "quarantined", tries: 5, failures: 9, reason: "no" });
  await mailbox.close({ entries: [failed, delivered("b")] });
  const due = { ...failed, status: "failed", tries: 0, failures: 0 };
  expect(await store.release(ANN)).toEqual([due]);
  expect((await store.read(ANN)).entries.get("a")).toEqual(due);
});

test("an aborted open holds nothing", async () => {
  const store = storeAt(await newPlace());
  const controller = new AbortController();
  const opened = store.open(ANN, { signal: controller.signal });
  controller.abort();
  await expect(opened).rejects.toMatchObject({ code: "POP3_ABORTED" });
  await expect(store.open(ANN, { signal: controller.signal })).rejects.toMatchObject({
    code: "POP3_ABORTED",
  });
  await (await store.open(ANN, { signal: new AbortController().signal })).close();
});

test.each([
  [{ schema: "a-b" }, /^store\.schema must be at most 63 lower-case letters/],
  [{ schema: "Popwright" }, /^store\.schema must be/],
  [{ schema: "pg_popwright" }, /^store\.schema must be/],
  [{ heartbeat: 60_000 }, /^store\.heartbeat must be from 1 to 2147483647, and less than store\.stale/],
  [{ stale: Infinity }, /^store\.stale must be at most 2147483647/],
  [{ lease: 5 } as PostgresStoreOptions, /^unknown option store\.lease/],
])("refuses the options %j", (options: PostgresStoreOptions, message) => {
  const pool = newPool();
  expect(() => new PostgresStore(pool, options)).toThrow(message);
});

test("refuses what is not a pool, and shows no connection string", async () => {
  for (const wrong of [undefined, null, 5, {}, "postgres://ann:secret@db.example.com/mail"])
    expect(() => new PostgresStore(wrong as never)).toThrow(
      /^the pool of a PostgresStore must be a Pool of pg, such as new Pool\({ connectionString }\) \(got [\w ]+\)$/,
    );
  const client = await newPool().connect();
  expect(() => new PostgresStore(client as never)).toThrow(/^the pool of a PostgresStore must be/);
  client.release();
});

test("a closed store refuses everything, and a run that still holds a mailbox loses it", async () => {
  const place = await newPlace();
  const store = storeAt(place);
  const mailbox = await store.open(ANN);
  const recorded = mailbox.record({ entries: [delivered("a")] });
  await Promise.all([store.close(), store[Symbol.asyncDispose]()]);
  await recorded;
  const lost = {
    code: "POP3_LEASE_LOST",
    message: `the lease of ${ANN} is lost: the store was closed during the run`,
  };
  expect(mailbox.lost.reason).toMatchObject(lost);
  await expect(mailbox.record({})).rejects.toMatchObject(lost);
  const closed = { code: "POP3_LEDGER", message: "the PostgresStore is closed: create a new one" };
  for (const call of [() => store.open(ANN), () => store.read(ANN), () => store.migrate()])
    await expect(call()).rejects.toMatchObject(closed);
  await mailbox.close().catch(() => undefined);
  const next = await storeAt(place).open(ANN);
  expect(next.takenOver).toBe(true);
  expect([...(await next.load()).keys()]).toEqual(["a"]);
});

test("types of columns that the program has set do not matter", async () => {
  const place = await newPlace();
  const TEXT = 25;
  const parserOf = (type: number) => (value: string) => (type === TEXT ? value : "another value");
  const types = { getTypeParser: parserOf } as never;
  const mailbox = await storeAt(place, {}, newPool({ types })).open(ANN);
  await mailbox.close({ entries: [delivered("a")], state: { lastRun: 1 } });
  const known = { entries: new Map([["a", delivered("a")]]), state: { lastRun: 1 } };
  expect(await storeAt(place).read(ANN)).toEqual(known);
});

test("two stores in one database have tables of their own", async () => {
  const [one, two] = [storeAt(await newPlace()), storeAt(await newPlace())];
  await (await one.open(ANN)).close({ entries: [delivered("a")] });
  expect((await two.read(ANN)).entries.size).toBe(0);
  expect((await one.read(ANN)).entries.size).toBe(1);
});
