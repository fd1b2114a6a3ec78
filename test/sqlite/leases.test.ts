// A run that has lost its mailbox learns it, and changes nothing more.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import type { MailboxLedger } from "popwright/fetch";
import { processName } from "../../src/fetch/files/process-space.ts";
import { newPath, openDatabase, storeAt } from "./stores.ts";

const ANN = "ann@pop.example.com:995";
const LOST = {
  code: "POP3_LEASE_LOST",
  message: `the lease of ${ANN} is lost: another run has taken over the mailbox`,
};
const entry = { id: "a", status: "delivered", firstSeen: 1 } as const;

/** Executes SQL as another process would. */
function elsewhere(path: string, sql: string): void {
  const database = openDatabase(path);
  database.exec(sql);
  database.close();
}

/** Two runs: the lease of the first has ended, and the second has the mailbox. */
async function takenOver(path: string): Promise<[MailboxLedger, MailboxLedger]> {
  const first = await storeAt(path).open(ANN);
  elsewhere(path, "UPDATE popwright_mailboxes SET expires = 1");
  return [first, await storeAt(path).open(ANN)];
}

test("the fence grows with each open, also after the mailbox was deleted", async () => {
  const store = storeAt(await newPath());
  const fences: bigint[] = [];
  for (let nth = 0; nth < 3; nth++) {
    const mailbox = await store.open(ANN);
    fences.push(mailbox.fence);
    await mailbox.close();
    await store.delete(ANN);
  }
  expect(fences).toEqual([...fences].sort((a, b) => (a < b ? -1 : 1)));
  expect(new Set(fences).size).toBe(3);
});

test("the fence grows if the clock is set back", async () => {
  const path = await newPath();
  await (await storeAt(path).open(ANN)).close();
  elsewhere(path, "UPDATE popwright_meta SET value = 4000000000000 WHERE name = 'fence'");
  expect((await storeAt(path).open(ANN)).fence).toBe(4_000_000_000_001n);
});

test("a lease that has ended is taken over", async () => {
  const [first, second] = await takenOver(await newPath());
  expect([first.takenOver, second.takenOver]).toEqual([false, true]);
  expect(second.fence > first.fence).toBe(true);
});

test.each<[string, (mailbox: MailboxLedger) => Promise<unknown> | undefined]>([
  ["record", (mailbox) => mailbox.record({ entries: [entry] })],
  ["confirm", (mailbox) => mailbox.confirm?.()],
  ["close", (mailbox) => mailbox.close({ entries: [entry] })],
])("%s of a run that has lost its mailbox rejects, and changes nothing", async (_, call) => {
  const path = await newPath();
  const [first, second] = await takenOver(path);
  await expect(call(first)).rejects.toMatchObject(LOST);
  expect(first.lost.reason).toMatchObject(LOST);
  await expect(first.record({ entries: [entry] })).rejects.toMatchObject({
    code: expect.stringMatching(/^POP3_LE/) as string,
  });
  await first.close().catch(() => undefined);
  await second.confirm?.();
  expect((await second.load()).size).toBe(0);
});

test("a lease that has ended and that no run has taken is still good", async () => {
  const path = await newPath();
  const mailbox = await storeAt(path).open(ANN);
  elsewhere(path, "UPDATE popwright_mailboxes SET expires = 1");
  await mailbox.confirm?.();
  await mailbox.record({ entries: [entry] });
  expect((await mailbox.load()).size).toBe(1);
});

test("the heartbeat renews the lease", async () => {
  const path = await newPath();
  const mailbox = await storeAt(path, { heartbeat: 1 }).open(ANN);
  elsewhere(path, "UPDATE popwright_mailboxes SET expires = 1");
  const database = openDatabase(path);
  const expires = database.prepare("SELECT expires FROM popwright_mailboxes");
  while ((expires.get() as { expires: number }).expires === 1)
    await new Promise((resolve) => setImmediate(resolve));
  database.close();
  expect(mailbox.lost.aborted).toBe(false);
});

test("the heartbeat finds out that the mailbox is lost", async () => {
  const path = await newPath();
  const mailbox = await storeAt(path, { heartbeat: 1 }).open(ANN);
  const lost = once(mailbox.lost, "abort");
  elsewhere(path, "UPDATE popwright_mailboxes SET token = 'another', fence = fence + 1");
  await lost;
  expect(mailbox.lost.reason).toMatchObject(LOST);
});

test("a mailbox is lost if its lease cannot be renewed in time", async () => {
  const path = await newPath();
  const mailbox = await storeAt(path, { heartbeat: 1, stale: 2, busyTimeout: 0 }).open(ANN);
  const lost = once(mailbox.lost, "abort");
  const database = openDatabase(path);
  database.exec("BEGIN IMMEDIATE");
  if (!mailbox.lost.aborted) await lost;
  expect(mailbox.lost.reason).toMatchObject({
    code: "POP3_LEASE_LOST",
    message: `the lease of ${ANN} could not be renewed in time`,
  });
  database.exec("ROLLBACK");
  database.close();
  await expect(mailbox.record({ entries: [entry] })).rejects.toMatchObject({ code: "POP3_LEASE_LOST" });
});

test("the mailbox of a dead process of this host is taken over at once, and no other", async () => {
  const path = await newPath();
  const store = storeAt(path);
  await (await store.open(ANN)).close();
  const child = spawn(process.execPath, ["-e", ""]);
  const { pid } = child;
  await once(child, "exit");
  const [, space, random] = (await processName()).split("-");
  const holder = (name: string): void =>
    elsewhere(path, `UPDATE popwright_mailboxes SET token = '${name}', expires = 4000000000000`);
  holder(`${String(pid)}-0123456789abcdef-${String(random)}`);
  await expect(store.open(ANN)).rejects.toMatchObject({ code: "POP3_MAILBOX_BUSY" });
  holder(`${String(process.pid)}-${String(space)}-${String(random)}`);
  await expect(store.open(ANN)).rejects.toMatchObject({ code: "POP3_MAILBOX_BUSY" });
  holder(`${String(pid)}-${String(space)}-${String(random)}`);
  const next = await store.open(ANN);
  expect(next.takenOver).toBe(true);
});
