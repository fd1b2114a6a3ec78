// A run that has lost its mailbox learns it, and changes nothing more. Leases go by the clock of the database.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import type { MailboxLedger } from "popwright/fetch";
import { processName } from "../../src/fetch/files/process-space.ts";
import { newPlace, newPool, storeAt, Watched, type Place } from "./stores.ts";

const ANN = "ann@pop.example.com:995";
const LOST = {
  code: "POP3_LEASE_LOST",
  message: `the lease of ${ANN} is lost: another run has taken over the mailbox`,
};
const entry = { id: "a", status: "delivered", firstSeen: 1 } as const;

/** Executes SQL as another process would. `$` is the schema. */
async function elsewhere({ schema, pool }: Place, sql: string): Promise<void> {
  await pool.query(sql.replaceAll("$", schema));
}

const expire = (place: Place): Promise<void> =>
  elsewhere(place, "UPDATE $.mailboxes SET expires = '-infinity'");

/** Two runs: the lease of the first has ended, and the second has the mailbox. */
async function takenOver(place: Place): Promise<[MailboxLedger, MailboxLedger]> {
  const first = await storeAt(place).open(ANN);
  await expire(place);
  return [first, await storeAt(place).open(ANN)];
}

test("the fence grows with each open, also after the mailbox was deleted or renamed", async () => {
  const place = await newPlace();
  const store = storeAt(place);
  const fences: Record<string, bigint[]> = {};
  const next = async (name: string): Promise<void> => {
    const mailbox = await store.open(name);
    (fences[name] ??= []).push(mailbox.fence);
    await mailbox.close();
  };
  await next(ANN);
  await next("bea");
  // As if the clock had been ahead until now.
  await elsewhere(place, "UPDATE $.mailboxes SET fence = 4000000000000000000 + id");
  await next(ANN);
  await store.delete(ANN);
  await next(ANN);
  await next("bea");
  await store.delete("bea");
  await store.rename(ANN, "bea");
  await next("bea");
  await next(ANN);
  await store.delete("bea");
  await store.rename(ANN, "bea");
  await next("bea");
  for (const list of Object.values(fences)) {
    expect(list).toEqual([...list].sort((a, b) => (a < b ? -1 : 1)));
    expect(new Set(list).size).toBe(4);
  }
});

test("a lease that has ended is taken over", async () => {
  const [first, second] = await takenOver(await newPlace());
  expect([first.takenOver, second.takenOver]).toEqual([false, true]);
  expect(second.fence > first.fence).toBe(true);
});

test("the clock of this process does not matter for another run", async () => {
  const place = await newPlace();
  const { now } = Date;
  const first = await storeAt(place).open(ANN);
  Date.now = () => now() + 86_400_000;
  try {
    await expect(storeAt(place).open(ANN)).rejects.toMatchObject({ code: "POP3_MAILBOX_BUSY" });
  } finally {
    Date.now = now;
  }
  expect(first.lost.aborted).toBe(false);
});

test.each<[string, (mailbox: MailboxLedger) => Promise<unknown> | undefined]>([
  ["record", (mailbox) => mailbox.record({ entries: [entry] })],
  ["close", (mailbox) => mailbox.close({ entries: [entry] })],
])("%s of a run that has lost its mailbox rejects, and changes nothing", async (_, call) => {
  const [first, second] = await takenOver(await newPlace());
  await expect(call(first)).rejects.toMatchObject(LOST);
  expect(first.lost.reason).toMatchObject(LOST);
  await expect(first.confirm?.()).rejects.toMatchObject(LOST);
  await first.close().catch(() => undefined);
  await second.confirm?.();
  expect((await second.load()).size).toBe(0);
  await second.record({ entries: [entry] });
});

test("confirm asks the database if the last answer is older than a heartbeat", async () => {
  const place = await newPlace();
  const pool = new Watched(newPool());
  const mailbox = await storeAt(place, {}, pool).open(ANN);
  pool.count();
  await mailbox.confirm?.();
  expect(pool.count()).toBe(0);
  // The second clock goes on while the machine sleeps.
  const { now } = Date;
  Date.now = () => now() + 11_000;
  try {
    await mailbox.confirm?.();
    expect(pool.count()).toBe(1);
    await expire(place);
    await storeAt(place).open(ANN);
    Date.now = () => now() + 22_000;
    await expect(mailbox.confirm?.()).rejects.toMatchObject(LOST);
    expect(mailbox.lost.reason).toMatchObject(LOST);
  } finally {
    Date.now = now;
  }
});

test("a clock that is set loses no mailbox: the database knows", async () => {
  const pool = new Watched(newPool());
  const mailbox = await storeAt(await newPlace(), {}, pool).open(ANN);
  pool.count();
  const { now } = Date;
  Date.now = () => now() + 86_400_000;
  try {
    await mailbox.confirm?.();
  } finally {
    Date.now = now;
  }
  expect([pool.count(), mailbox.lost.aborted]).toEqual([1, false]);
});

test("a lease that has ended and that no run has taken is still good", async () => {
  const place = await newPlace();
  const mailbox = await storeAt(place).open(ANN);
  await expire(place);
  await mailbox.record({ entries: [entry] });
  expect((await mailbox.load()).size).toBe(1);
});

test("the heartbeat renews the leases of all mailboxes with one statement", async () => {
  const place = await newPlace();
  const pool = new Watched(newPool());
  const store = storeAt(place, { heartbeat: 1 }, pool);
  const mailboxes = await Promise.all(["a", "b", "c"].map((name) => store.open(name)));
  await expire(place);
  const query = `SELECT count(*)::int AS ended FROM ${place.schema}.mailboxes WHERE expires = '-infinity'`;
  while ((await place.pool.query<{ ended: number }>(query)).rows[0]?.ended !== 0) await turn();
  expect(mailboxes.map(({ lost }) => lost.aborted)).toEqual([false, false, false]);
});

test("the heartbeat passes while a delivery holds the mailbox", async () => {
  const place = await newPlace();
  const store = storeAt(place, { heartbeat: 1 });
  const mailbox = await store.open(ANN);
  const query = `SELECT expires = '-infinity' AS ended FROM ${place.schema}.mailboxes`;
  const destination = store.deliver(async () => {
    await expire(place);
    while ((await place.pool.query<{ ended: boolean }>(query)).rows[0]?.ended !== false) await turn();
  });
  const about = { key: "a", mailbox: ANN, uid: "a", size: 4, headersOnly: false, fence: mailbox.fence };
  const writer = await destination.begin(about, undefined, mailbox);
  if (writer === "known") throw new Error("it is not known");
  await writer.write(Buffer.from("text"));
  expect(await writer.commit(entry)).toEqual({ recorded: "new" });
});

test("the heartbeat finds out that the mailbox is lost", async () => {
  const place = await newPlace();
  const mailbox = await storeAt(place, { heartbeat: 1 }).open(ANN);
  const lost = once(mailbox.lost, "abort");
  await elsewhere(place, "UPDATE $.mailboxes SET token = 'another', fence = fence + 1");
  if (!mailbox.lost.aborted) await lost;
  expect(mailbox.lost.reason).toMatchObject(LOST);
});

test("a mailbox is lost if its lease cannot be renewed in time", async () => {
  const place = await newPlace();
  const pool = new Watched(newPool());
  const mailbox = await storeAt(place, { heartbeat: 1, stale: 2 }, pool).open(ANN);
  pool.fail = () => new Error("Connection terminated unexpectedly");
  const lost = once(mailbox.lost, "abort");
  if (!mailbox.lost.aborted) await lost;
  expect(mailbox.lost.reason).toMatchObject({
    code: "POP3_LEASE_LOST",
    message: `the lease of ${ANN} could not be renewed in time`,
  });
  pool.fail = () => undefined;
  await expect(mailbox.record({ entries: [entry] })).rejects.toMatchObject({ code: "POP3_LEASE_LOST" });
});

test("the mailbox of a dead process of this host is taken over at once, and no other", async () => {
  const place = await newPlace();
  const store = storeAt(place);
  await (await store.open(ANN)).close();
  const child = spawn(process.execPath, ["-e", ""]);
  const { pid } = child;
  await once(child, "exit");
  const [, space, random] = (await processName()).split("-");
  const holder = (name: string): Promise<void> =>
    elsewhere(place, `UPDATE $.mailboxes SET token = '${name}', expires = 'infinity'`);
  await holder(`${String(pid)}-0123456789abcdef-${String(random)}`);
  await expect(store.open(ANN)).rejects.toMatchObject({ code: "POP3_MAILBOX_BUSY" });
  await holder(`${String(process.pid)}-${String(space)}-${String(random)}`);
  await expect(store.open(ANN)).rejects.toMatchObject({ code: "POP3_MAILBOX_BUSY" });
  await holder(`${String(pid)}-${String(space)}-${String(random)}`);
  const next = await store.open(ANN);
  expect(next.takenOver).toBe(true);
});

test("a run that could not release its mailbox does not keep it from the next one of the same store", async () => {
  const place = await newPlace();
  const pool = new Watched(newPool());
  const store = storeAt(place, {}, pool);
  const mailbox = await store.open(ANN);
  pool.fail = () => new Error("Connection terminated unexpectedly");
  await expect(mailbox.close({ entries: [entry] })).rejects.toMatchObject({ code: "POP3_LEDGER" });
  pool.fail = () => undefined;
  await expect(storeAt(place).open(ANN)).rejects.toMatchObject({ code: "POP3_MAILBOX_BUSY" });
  const next = await store.open(ANN);
  expect([next.takenOver, next.fence > mailbox.fence]).toEqual([false, true]);
  await expect(store.open(ANN)).rejects.toMatchObject({ code: "POP3_MAILBOX_BUSY" });
});

test("a mailbox whose lease has ended is busy while a transaction of its run is open", async () => {
  const place = await newPlace();
  const store = storeAt(place);
  const mailbox = await store.open(ANN);
  const client = await place.pool.connect();
  await client.query(`BEGIN; SELECT FROM ${place.schema}.mailboxes FOR KEY SHARE`);
  await expire(place);
  await expect(storeAt(place).open(ANN)).rejects.toMatchObject({ code: "POP3_MAILBOX_BUSY" });
  await client.query("ROLLBACK");
  client.release();
  expect((await storeAt(place).open(ANN)).fence > mailbox.fence).toBe(true);
});

test("a transaction of a process that is stopped ends by itself, and frees the mailbox", async () => {
  const place = await newPlace();
  const store = storeAt(place, { heartbeat: 30, stale: 60 });
  const mailbox = await store.open(ANN);
  const query = `SELECT count(*)::int AS open FROM pg_stat_activity
    WHERE state LIKE 'idle in transaction%' AND query LIKE '%${place.schema}%'`;
  // It does nothing with its connection until the server has closed that.
  const destination = store.deliver(async () => {
    while ((await place.pool.query<{ open: number }>(query)).rows[0]?.open !== 0) await turn();
  });
  const about = { key: "a", mailbox: ANN, uid: "a", size: 4, headersOnly: false, fence: mailbox.fence };
  const writer = await destination.begin(about, undefined, mailbox);
  if (writer === "known") throw new Error("it is not known");
  await writer.write(Buffer.from("text"));
  await expect(writer.commit(entry)).rejects.toMatchObject({ code: "POP3_DESTINATION", later: true });
  await mailbox.close().catch(() => undefined);
  expect((await storeAt(place).read(ANN)).entries.size).toBe(0);
});
