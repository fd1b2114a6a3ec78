// PostgresStore#deliver: a message and its entry are stored together, or not at all.
import type pg from "pg";
import { expect, test } from "vitest";
import { DestinationError, type Delivery, type LedgerEntry, type MailboxLedger } from "popwright/fetch";
import type { PostgresDeliverOptions, PostgresHandler, PostgresStore } from "popwright/postgres";
import { newPlace, newPool, storeAt, Watched, type Place } from "./stores.ts";

const ANN = "ann@pop.example.com:995";
const entry = (id: string, more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  ...{ id, status: "delivered", firstSeen: 1 },
  ...more,
});

type Handler = PostgresHandler<pg.PoolClient>;

/** A table for messages, a store, and the mailbox of a run. */
interface Scene {
  readonly place: Place;
  readonly watched: Watched;
  readonly store: PostgresStore<pg.PoolClient>;
  readonly mailbox: MailboxLedger;
  readonly insert: Handler;
}

async function newScene(): Promise<Scene> {
  const place = await newPlace();
  await place.pool.query(`CREATE TABLE ${place.schema}.mail (
    key text UNIQUE DEFERRABLE INITIALLY DEFERRED, octets bytea CHECK (length(octets) > 1))`);
  const watched = new Watched(newPool());
  const store = storeAt(place, {}, watched);
  const mailbox = await store.open(ANN);
  watched.count();
  const insert: Handler = async (client, { key, octets }) => {
    await client.query(`INSERT INTO ${place.schema}.mail VALUES ($1, $2)`, [key, octets]);
  };
  return { place, watched, store, mailbox, insert };
}

async function mail({ place: { pool, schema } }: Scene): Promise<[string, string][]> {
  const { rows } = await pool.query<{ key: string; octets: Buffer }>(
    `SELECT * FROM ${schema}.mail ORDER BY key`,
  );
  return rows.map(({ key, octets }) => [key, octets.toString()]);
}

const keys = async (scene: Scene): Promise<string> => (await mail(scene)).map(([key]) => key).join("");

/** The ids of the entries, and their status. */
async function entries({ place }: Scene): Promise<Record<string, string>> {
  const { entries: known } = await storeAt(place).read(ANN);
  return Object.fromEntries([...known].map(([id, { status }]) => [id, status]));
}

interface Sent {
  readonly handler?: Handler;
  readonly options?: PostgresDeliverOptions;
  readonly delivery?: Partial<Delivery>;
  readonly text?: string;
}

/** Delivers a message in two pieces, with `id` as its key and in its entry. */
async function send(
  { store, mailbox, insert }: Scene,
  recorded: LedgerEntry = entry("a"),
  { handler = insert, options, delivery, text = "text" }: Sent = {},
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

/** Delivers messages that wait at the same time, so that they share a transaction. */
const sendAll = (scene: Scene, ids: string, sent: Sent = {}): Promise<PromiseSettledResult<unknown>[]> =>
  Promise.allSettled([...ids].map((id) => send(scene, entry(id), sent)));

const outcomes = (results: readonly PromiseSettledResult<unknown>[]): unknown[] =>
  results.map((result) =>
    result.status === "fulfilled"
      ? (result.value as { readonly recorded: string }).recorded
      : (result.reason as Error).message,
  );

/** A handler that does something in addition for the message with this key. */
const but =
  (scene: Scene, key: string, more: Handler): Handler =>
  async (client, message, signal) => {
    await scene.insert(client, message, signal);
    if (message.key === key) await more(client, message, signal);
  };

test("stores the message and the entry", async () => {
  const scene = await newScene();
  const seen: unknown[] = [];
  const handler: Handler = async (client, message, signal) => {
    seen.push(message, signal);
    await scene.insert(client, message, signal);
  };
  const all = entry("a", { headers: "0f", size: 4 });
  expect(await send(scene, all, { handler })).toEqual({ recorded: "new" });
  expect(seen).toEqual([
    {
      ...{ key: "a", mailbox: ANN, uid: "a", size: 4, headersOnly: false, fence: scene.mailbox.fence },
      octets: Buffer.from("text"),
    },
    undefined,
  ]);
  expect(await mail(scene)).toEqual([["a", "text"]]);
  expect([...(await scene.mailbox.load()).values()]).toEqual([all]);
});

test("a message takes four round trips, and n that wait together take 4 + 2n and one commit", async () => {
  const scene = await newScene();
  await send(scene);
  expect(scene.watched.executed.filter((sql) => sql.endsWith("COMMIT"))).toHaveLength(1);
  expect(scene.watched.count()).toBe(4);
  expect(outcomes(await sendAll(scene, "12345678"))).toEqual(Array(8).fill("new"));
  expect(scene.watched.executed.filter((sql) => sql.endsWith("COMMIT"))).toHaveLength(1);
  expect(scene.watched.count()).toBe(20);
  expect(await keys(scene)).toBe("12345678a");
});

test.each<LedgerEntry["status"]>(["delivered", "headers", "baseline", "deleted"])(
  "calls no handler for a message that the ledger knows as %s",
  async (status) => {
    const scene = await newScene();
    await scene.mailbox.record({ entries: [entry("a", { status })] });
    expect(await send(scene)).toEqual({ recorded: "known" });
    expect(outcomes(await sendAll(scene, "ab"))).toEqual(["known", "new"]);
    expect(await keys(scene)).toBe("b");
    expect(await entries(scene)).toEqual({ a: status, b: "delivered" });
  },
);

test.each<[LedgerEntry["status"], Partial<LedgerEntry>]>([
  ["failed", {}],
  ["skipped", {}],
  ["deleted", { goneSince: 1 }],
])("delivers a message that the ledger knows as %s %j", async (status, more) => {
  const scene = await newScene();
  await scene.mailbox.record({ entries: [entry("a", { status, ...more })] });
  expect(await send(scene)).toEqual({ recorded: "new" });
  expect((await scene.mailbox.load()).get("a")).toEqual(entry("a"));
});

test("the handler may know the message", async () => {
  const scene = await newScene();
  expect(await send(scene, entry("a"), { handler: () => "known" })).toEqual({ recorded: "known" });
  expect(await entries(scene)).toEqual({ a: "delivered" });
});

test("a handler that throws leaves nothing, and its error is the reason", async () => {
  const scene = await newScene();
  const error = new DestinationError("later", { later: true });
  const throwing = but(scene, "a", () => {
    throw error;
  });
  await expect(send(scene, entry("a"), { handler: throwing })).rejects.toBe(error);
  await expect(send(scene, entry("a"), { text: "x" })).rejects.toThrow(/violates check constraint/);
  expect([await keys(scene), await entries(scene)]).toEqual(["", {}]);
  expect(await send(scene)).toEqual({ recorded: "new" });
});

test("a message that is refused leaves the others of its transaction, and its entry from before", async () => {
  const scene = await newScene();
  await scene.mailbox.record({ entries: [entry("b", { status: "failed" })] });
  const handler: Handler = async (client, message, signal) => {
    await scene.insert(client, message, signal);
    if ("bd".includes(message.key)) throw new Error(`no ${message.key}`);
  };
  expect(outcomes(await sendAll(scene, "abcd", { handler }))).toEqual(["new", "no b", "new", "no d"]);
  expect(await keys(scene)).toBe("ac");
  expect(await entries(scene)).toEqual({ a: "delivered", b: "failed", c: "delivered" });
  expect(scene.watched.executed.filter((sql) => sql.endsWith("COMMIT"))).toHaveLength(1);
});

test("a statement that fails is the message's own, also if the handler ignores its error", async () => {
  const scene = await newScene();
  const ignoring = but(scene, "b", (client) => client.query("SELECT 1/0").catch(() => undefined));
  const reason = "a statement of the handler has failed, and the handler has not thrown its error";
  expect(outcomes(await sendAll(scene, "abc", { handler: ignoring }))).toEqual(["new", reason, "new"]);
  expect(outcomes(await sendAll(scene, "b", { handler: ignoring }))[0]).toMatch(
    /^current transaction is aborted/,
  );
  const throwing = but(scene, "e", (client) => client.query("SELECT 1/0"));
  const results = await sendAll(scene, "def", { handler: throwing });
  expect(outcomes(results)).toEqual(["new", "division by zero", "new"]);
  expect(await keys(scene)).toBe(["a", "c", "d", "f"].join(""));
  expect(Object.keys(await entries(scene)).join("")).toBe(["a", "c", "d", "f"].join(""));
});

test("a constraint that is checked at COMMIT fails its own message only", async () => {
  const scene = await newScene();
  await scene.insert(
    await connected(scene.place),
    { key: "b", octets: Buffer.from("old") } as never,
    undefined,
  );
  const results = outcomes(await sendAll(scene, "abc"));
  expect(results).toEqual(["new", expect.stringMatching(/duplicate key value/) as string, "new"]);
  expect(outcomes(await sendAll(scene, "b"))[0]).toMatch(/duplicate key value/);
  expect(await mail(scene)).toEqual([
    ["a", "text"],
    ["b", "old"],
    ["c", "text"],
  ]);
  expect(await entries(scene)).toEqual({ a: "delivered", c: "delivered" });
});

/** A client for the test itself. */
async function connected({ pool }: Place): Promise<pg.PoolClient> {
  const client = await pool.connect();
  client.release();
  return client;
}

test("messages with the same id are stored once", async () => {
  const scene = await newScene();
  expect(outcomes(await sendAll(scene, "abab"))).toEqual(["new", "new", "known", "known"]);
  expect(await keys(scene)).toBe("ab");
});

test.each([
  ["ROLLBACK", ""],
  ["ROLLBACK; BEGIN", ""],
  ["COMMIT", "a"],
  ["COMMIT; BEGIN", "a"],
])("a handler must not end the transaction: %s", async (sql, stored) => {
  for (const ids of ["a", "ab"]) {
    const scene = await newScene();
    const handler = but(scene, "a", (client) => client.query(sql));
    for (const result of await sendAll(scene, ids, { handler }))
      expect(result).toMatchObject({
        status: "rejected",
        reason: {
          ...{ code: "POP3_DESTINATION", down: true },
          message: expect.stringMatching(/a handler must not call BEGIN, COMMIT or ROLLBACK$/) as string,
        },
      });
    // What is there is noted as delivered, and nothing else is. The run notes nothing more.
    expect(await keys(scene)).toBe(stored);
    expect(
      Object.keys(await entries(scene))
        .join("")
        .startsWith(stored),
    ).toBe(true);
    if (stored === "") expect(await entries(scene)).toEqual({});
    await expect(scene.mailbox.record({ forgotten: ["a"] })).rejects.toMatchObject({ code: "POP3_LEDGER" });
  }
});

test("refuses a message that is larger than the limit", async () => {
  const scene = await newScene();
  await expect(send(scene, entry("a"), { options: { limit: 3 } })).rejects.toThrow(
    "the message is larger than 3 bytes (limit of deliver)",
  );
  expect(await send(scene, entry("a"), { options: { limit: 4 } })).toEqual({ recorded: "new" });
});

test("an aborted delivery leaves nothing", async () => {
  const scene = await newScene();
  const { fence } = scene.mailbox;
  const delivery = { key: "a", mailbox: ANN, uid: "a", size: 4, headersOnly: false, fence };
  const writer = await scene.store.deliver(scene.insert).begin(delivery, undefined, scene.mailbox);
  if (writer === "known") throw new Error("it is not known");
  await writer.write(Buffer.from("text"));
  await writer.abort();
  expect([await keys(scene), scene.watched.count()]).toEqual(["", 0]);
});

test("a run whose ledger is another store is refused", async () => {
  const [scene, other] = [await newScene(), await newScene()];
  await expect(send({ ...scene, mailbox: other.mailbox })).rejects.toMatchObject({
    ...{ code: "POP3_DESTINATION", down: true },
    message: /must be used with the same store as `ledger`$/,
  });
});

test("a run that has lost its mailbox delivers nothing", async () => {
  const scene = await newScene();
  await scene.place.pool.query(`UPDATE ${scene.place.schema}.mailboxes SET expires = '-infinity'`);
  const next = await storeAt(scene.place).open(ANN);
  for (const result of await sendAll(scene, "ab"))
    expect(result).toMatchObject({ status: "rejected", reason: { code: "POP3_LEASE_LOST" } });
  expect(scene.mailbox.lost.aborted).toBe(true);
  expect([await keys(scene), (await next.load()).size]).toEqual(["", 0]);
});

test("a mailbox is not taken over while a message is being stored", async () => {
  const scene = await newScene();
  const other = storeAt(scene.place);
  const handler = but(scene, "a", async () => {
    await scene.place.pool.query(`UPDATE ${scene.place.schema}.mailboxes SET expires = '-infinity'`);
    await expect(other.open(ANN)).rejects.toMatchObject({ code: "POP3_MAILBOX_BUSY" });
  });
  expect(await send(scene, entry("a"), { handler })).toEqual({ recorded: "new" });
  const next = await other.open(ANN);
  expect([next.takenOver, (await next.load()).size]).toEqual([true, 1]);
});
