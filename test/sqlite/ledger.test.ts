// What SqliteStore keeps, and what it does as a ledger.
import { expect, test } from "vitest";
import type { LedgerEntry, LedgerMailbox } from "popwright/fetch";
import type { SqliteStore, SqliteStoreOptions } from "popwright/sqlite";
import { LONGEST_TIMER } from "../../src/net/settle.ts";
import { newPath, newStore, storeAt } from "./stores.ts";

const ANN = "ann@pop.example.com:995";
const BEA = "bea@pop.example.com:995";

const delivered = (id: string, more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  id,
  status: "delivered",
  firstSeen: 1_760_000_000_000,
  ...more,
});

async function all(store: SqliteStore): Promise<LedgerMailbox[]> {
  const found: LedgerMailbox[] = [];
  for await (const mailbox of store.mailboxes()) found.push(mailbox);
  return found;
}

test("knows everything again, in the same order", async () => {
  const path = await newPath();
  const before = await storeAt(path).open(ANN);
  const failed = delivered("b", {
    ...{ status: "failed", size: 2048, headers: "0f".repeat(32), tries: 3, retryAt: 2, goneSince: 3 },
    reason: 'no "space"\r\nleft \u2028',
  });
  const entries = [delivered("c"), failed, delivered("\0digest"), delivered("\ud800"), delivered("\ud801")];
  await before.record({ entries });
  await before.record({ entries: [delivered("c", { size: 5 }), delivered("a")], forgotten: ["b", "no"] });
  const state = { lastRun: 5, notBefore: 6, interval: 7, listing: "x", crashes: 1 };
  await before.close({ state });
  const after = await storeAt(path).open(ANN);
  expect(after.state).toEqual(state);
  expect([...(await after.load())]).toEqual(
    [delivered("c", { size: 5 }), ...entries.slice(2), delivered("a")].map((entry) => [entry.id, entry]),
  );
  expect(after.takenOver).toBe(false);
});

test("loads what was recorded before", async () => {
  const mailbox = await (await newStore()).open(ANN);
  const recorded = mailbox.record({ entries: [delivered("a")] });
  expect([...(await mailbox.load()).keys()]).toEqual(["a"]);
  await recorded;
  (await mailbox.load()).clear();
  expect((await mailbox.load()).size).toBe(1);
});

test("gives a mailbox to one run at a time, in any process", async () => {
  const path = await newPath();
  const [store, other] = [storeAt(path), storeAt(path)];
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

test("may be closed twice, and records nothing after that", async () => {
  const store = await newStore();
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

test("reads a mailbox without holding it, and one that it does not know", async () => {
  const store = await newStore();
  expect(await store.read(ANN)).toEqual({ entries: new Map(), state: {} });
  expect(await all(store)).toEqual([]);
  const mailbox = await store.open(ANN);
  await mailbox.record({ entries: [delivered("a")], state: { lastRun: 1 } });
  expect(await store.read(ANN)).toEqual({
    entries: new Map([["a", delivered("a")]]),
    state: { lastRun: 1 },
  });
});

test("lists all mailboxes, and which of them are held", async () => {
  const store = await newStore();
  const names = Array.from({ length: 450 }, (_, at) => `user-${String(at).padStart(3, "0")}\0"\\`);
  const opened = await Promise.all(names.map((name) => store.open(name)));
  await Promise.all(opened.slice(1).map((mailbox) => mailbox.close({ state: { lastRun: 1 } })));
  expect(await all(store)).toEqual(
    names.map((mailbox, at) => ({ mailbox, state: at === 0 ? {} : { lastRun: 1 }, held: at === 0 })),
  );
});

test("deletes a mailbox that no run holds, and its name in keys stays", async () => {
  const store = await newStore();
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
  const store = await newStore();
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
  const store = await newStore();
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
  const store = await newStore();
  const mailbox = await store.open(ANN);
  const failed = delivered("a", { status: "quarantined", tries: 5, failures: 9, reason: "no" });
  await mailbox.close({ entries: [failed, delivered("b")] });
  const due = { ...failed, status: "failed", tries: 0, failures: 0 };
  expect(await store.release(ANN)).toEqual([due]);
  expect((await store.read(ANN)).entries.get("a")).toEqual(due);
});

test("an aborted open holds nothing", async () => {
  const store = await newStore();
  const controller = new AbortController();
  const opened = store.open(ANN, { signal: controller.signal });
  controller.abort();
  await expect(opened).rejects.toMatchObject({ code: "POP3_ABORTED" });
  await expect(store.open(ANN, { signal: controller.signal })).rejects.toMatchObject({
    code: "POP3_ABORTED",
  });
  await (await store.open(ANN, { signal: new AbortController().signal })).close();
});

test("two stores in one database have tables of their own", async () => {
  const path = await newPath();
  const [one, two] = [storeAt(path, { prefix: "one_" }), storeAt(path, { prefix: "two_" })];
  await (await one.open(ANN)).close({ entries: [delivered("a")] });
  expect((await two.read(ANN)).entries.size).toBe(0);
  expect((await one.read(ANN)).entries.size).toBe(1);
});

test.each([
  [{ prefix: "a-b" }, /^store\.prefix must be at most 40 letters/],
  [{ prefix: "sqlite_x" }, /^store\.prefix must be/],
  [{ heartbeat: 60_000 }, /^store\.heartbeat must be from 1 to 2147483647, and less than store\.stale/],
  [{ heartbeat: LONGEST_TIMER + 1, stale: Infinity }, /^store\.heartbeat must be/],
  [{ busyTimeout: -1 }, /^store\.busyTimeout must be a number of milliseconds >= 0/],
  [{ lease: 5 } as SqliteStoreOptions, /^unknown option store\.lease/],
])("refuses the options %j", async (options: SqliteStoreOptions, message) => {
  await expect(newStore(options)).rejects.toMatchObject({ code: "POP3_CONFIG" });
  await expect(newStore(options)).rejects.toThrow(message);
});

test("a closed store refuses everything, and a run that still holds a mailbox loses it", async () => {
  const path = await newPath();
  const store = storeAt(path);
  const mailbox = await store.open(ANN);
  const recorded = mailbox.record({ entries: [delivered("a")] });
  await Promise.all([store.close(), store[Symbol.asyncDispose]()]);
  await recorded;
  expect(mailbox.lost.reason).toMatchObject({ code: "POP3_LEASE_LOST" });
  const closed = { code: "POP3_LEDGER", message: "the SqliteStore is closed: create a new one" };
  for (const call of [() => store.open(ANN), () => store.read(ANN), () => mailbox.record({})])
    await expect(call()).rejects.toMatchObject(closed);
  await mailbox.close().catch(() => undefined);
  const next = await storeAt(path).open(ANN);
  expect(next.takenOver).toBe(true);
  expect([...(await next.load()).keys()]).toEqual(["a"]);
});
