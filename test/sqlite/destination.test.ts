// SqliteStore#deliver: a message and its entry are stored together, or not at all.
import { expect, test } from "vitest";
import { DestinationError, type Delivery, type LedgerEntry, type MailboxLedger } from "popwright/fetch";
import type { SqliteDatabase, SqliteDeliverOptions, SqliteHandler, SqliteStore } from "popwright/sqlite";
import { newPath, newStore, openDatabase, storeAt } from "./stores.ts";

const ANN = "ann@pop.example.com:995";
const entry = (id: string, more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  ...{ id, status: "delivered", firstSeen: 1 },
  ...more,
});

const insert: SqliteHandler = (database, { key, octets }) => {
  database.prepare("INSERT INTO mail VALUES (?, ?)").run(key, octets);
};

async function mailStore(): Promise<SqliteStore> {
  const store = await newStore();
  store.database.exec("CREATE TABLE mail (key TEXT, octets BLOB CHECK (length(octets) > 1))");
  return store;
}

function mail({ database }: { readonly database: SqliteDatabase }): [string, string][] {
  return (database.prepare("SELECT * FROM mail").all() as { key: string; octets: Uint8Array }[]).map(
    ({ key, octets }) => [key, Buffer.from(octets).toString()],
  );
}

interface Sent {
  readonly store: SqliteStore;
  readonly mailbox: MailboxLedger;
  readonly handler?: SqliteHandler;
  readonly options?: SqliteDeliverOptions;
  readonly delivery?: Partial<Delivery>;
  readonly text?: string;
}

/** Delivers a message in two pieces, with `id` as its key and in its entry. */
async function send(
  { store, mailbox, handler = insert, options, delivery, text = "text" }: Sent,
  recorded: LedgerEntry = entry("a"),
): Promise<unknown> {
  const { id } = recorded;
  const about = { key: id, mailbox: ANN, uid: id, size: 4, headersOnly: false, fence: mailbox.fence };
  const writer = await store.deliver(handler, options).begin({ ...about, ...delivery }, undefined, mailbox);
  if (writer === "known") return writer;
  const octets = Buffer.from(text);
  await writer.write(octets.subarray(0, 1));
  await writer.write(octets.subarray(1));
  return writer.commit(recorded);
}

test("stores the message and the entry", async () => {
  const store = await mailStore();
  const mailbox = await store.open(ANN);
  const seen: unknown[] = [];
  const handler: SqliteHandler = (database, message) => {
    seen.push(message);
    insert(database, message);
  };
  const all = entry("a", { headers: "0f", size: 4 });
  expect(await send({ store, mailbox, handler }, all)).toEqual({ recorded: "new" });
  expect(seen).toEqual([
    {
      ...{ key: "a", mailbox: ANN, uid: "a", size: 4, headersOnly: false, fence: mailbox.fence },
      octets: Buffer.from("text"),
    },
  ]);
  expect(mail(store)).toEqual([["a", "text"]]);
  expect([...(await mailbox.load()).values()]).toEqual([all]);
});

test.each<LedgerEntry["status"]>(["delivered", "headers", "baseline", "deleted"])(
  "calls no handler for a message that the ledger knows as %s",
  async (status) => {
    const store = await mailStore();
    const mailbox = await store.open(ANN);
    await mailbox.record({ entries: [entry("a", { status })] });
    expect(await send({ store, mailbox })).toEqual({ recorded: "known" });
    expect(mail(store)).toEqual([]);
    expect((await mailbox.load()).get("a")?.status).toBe(status);
  },
);

test.each<[LedgerEntry["status"], Partial<LedgerEntry>]>([
  ["failed", {}],
  ["skipped", {}],
  ["deleted", { goneSince: 1 }],
])("delivers a message that the ledger knows as %s %j", async (status, more) => {
  const store = await mailStore();
  const mailbox = await store.open(ANN);
  await mailbox.record({ entries: [entry("a", { status, ...more })] });
  expect(await send({ store, mailbox })).toEqual({ recorded: "new" });
  expect((await mailbox.load()).get("a")).toEqual(entry("a"));
});

test("the handler may know the message", async () => {
  const store = await mailStore();
  const mailbox = await store.open(ANN);
  expect(await send({ store, mailbox, handler: () => "known" })).toEqual({ recorded: "known" });
  expect((await mailbox.load()).size).toBe(1);
});

test("a handler that throws leaves nothing, and its error is the reason", async () => {
  const store = await mailStore();
  const mailbox = await store.open(ANN);
  const error = new DestinationError("later", { later: true });
  const handler: SqliteHandler = (database, message) => {
    insert(database, message);
    throw error;
  };
  await expect(send({ store, mailbox, handler })).rejects.toBe(error);
  await expect(send({ store, mailbox, text: "x" })).rejects.toThrow(/constraint/i);
  expect([mail(store), (await mailbox.load()).size]).toEqual([[], 0]);
  expect(await send({ store, mailbox })).toEqual({ recorded: "new" });
});

test("a handler must not return a promise", async () => {
  const store = await mailStore();
  const mailbox = await store.open(ANN);
  const handler: SqliteHandler = (database, message) => {
    insert(database, message);
    return Promise.reject(new Error("nobody waits for it"));
  };
  const error = await send({ store, mailbox, handler }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    ...{ code: "POP3_DESTINATION", down: true },
    message: /^the handler of deliver\(\) must not return a promise/,
  });
  expect([mail(store), (await mailbox.load()).size]).toEqual([[], 0]);
  expect(() => store.deliver(async () => Promise.resolve())).toThrow(/must be a synchronous function/);
});

test.each([
  ["ROLLBACK", 0],
  ["ROLLBACK; BEGIN", 0],
  ["COMMIT", 1],
  ["COMMIT; BEGIN; SAVEPOINT popwright_operation", 1],
])("a handler must not end the transaction: %s", async (sql, rows) => {
  const store = await mailStore();
  const mailbox = await store.open(ANN);
  const handler: SqliteHandler = (database, message) => {
    insert(database, message);
    database.exec(sql);
  };
  await expect(send({ store, mailbox, handler })).rejects.toMatchObject({
    ...{ code: "POP3_DESTINATION", down: true },
    message: /a handler must not call BEGIN, COMMIT or ROLLBACK/,
  });
  // Nothing is noted as delivered that is not there.
  expect([mail(store).length, (await mailbox.load()).size]).toEqual([rows, 0]);
});

test("refuses a message that is larger than the limit", async () => {
  const store = await mailStore();
  const mailbox = await store.open(ANN);
  await expect(send({ store, mailbox, options: { limit: 3 } })).rejects.toThrow(
    "the message is larger than 3 bytes (limit of deliver)",
  );
  expect(await send({ store, mailbox, options: { limit: 4 } })).toEqual({ recorded: "new" });
});

test("an aborted delivery leaves nothing", async () => {
  const store = await mailStore();
  const mailbox = await store.open(ANN);
  const delivery = { key: "a", mailbox: ANN, uid: "a", size: 4, headersOnly: false, fence: mailbox.fence };
  const writer = await store.deliver(insert).begin(delivery, undefined, mailbox);
  if (writer === "known") throw new Error("it is not known");
  await writer.write(Buffer.from("text"));
  await writer.abort();
  expect([mail(store), (await mailbox.load()).size]).toEqual([[], 0]);
});

test("a run whose ledger is another store is refused", async () => {
  const store = await mailStore();
  const mailbox = await (await newStore()).open(ANN);
  await store.open("bea");
  await expect(send({ store, mailbox })).rejects.toMatchObject({
    ...{ code: "POP3_DESTINATION", down: true },
    message: /must be used with the same store as `ledger`$/,
  });
});

test("a run that has lost its mailbox delivers nothing", async () => {
  const path = await newPath();
  const store = storeAt(path);
  store.database.exec("CREATE TABLE mail (key TEXT, octets BLOB)");
  const mailbox = await store.open(ANN);
  const other = openDatabase(path);
  other.exec("UPDATE popwright_mailboxes SET expires = 1");
  other.close();
  const next = await storeAt(path).open(ANN);
  await expect(send({ store, mailbox })).rejects.toMatchObject({ code: "POP3_LEASE_LOST" });
  expect(mailbox.lost.aborted).toBe(true);
  expect([mail(store), (await next.load()).size]).toEqual([[], 0]);
});

test("a full disk blames no message", async () => {
  const store = await mailStore();
  const mailbox = await store.open(ANN);
  const pages = Object.values(store.database.prepare("PRAGMA page_count").get() as object)[0] as number;
  store.database.exec(`PRAGMA max_page_count=${String(pages + 2)}`);
  const text = "x".repeat(100_000);
  await expect(send({ store, mailbox, text })).rejects.toMatchObject({
    ...{ code: "POP3_DESTINATION", down: true },
    message: "cannot store the message: database or disk is full",
    cause: { code: "POP3_LEDGER", temporary: true },
  });
  expect([mail(store), (await mailbox.load()).size]).toEqual([[], 0]);
  store.database.exec("PRAGMA max_page_count=1000000");
  expect(await send({ store, mailbox, text })).toEqual({ recorded: "new" });
});
