// Failures of the database: which of them are temporary, that no message is blamed for them, and that the truth is found
// after a COMMIT without an answer.
import { setImmediate as turn } from "node:timers/promises";
import { inspect } from "node:util";
import pg from "pg";
import { expect, test } from "vitest";
import type { LedgerEntry, MailboxLedger } from "popwright/fetch";
import { PostgresStore } from "popwright/postgres";
import { newPlace, newPool, storeAt, Watched, type Place } from "./stores.ts";

const ANN = "ann@pop.example.com:995";
const entry = (id: string): LedgerEntry => ({ id, status: "delivered", firstSeen: 1 });

interface Scene {
  readonly place: Place;
  readonly watched: Watched;
  readonly store: PostgresStore<pg.PoolClient>;
  readonly mailbox: MailboxLedger;
}

async function newScene(options?: pg.PoolConfig): Promise<Scene> {
  const place = await newPlace();
  await place.pool.query(`CREATE TABLE ${place.schema}.mail (key text)`);
  const watched = new Watched(newPool(options));
  const store = storeAt(place, {}, watched);
  return { place, watched, store, mailbox: await store.open(ANN) };
}

/** Delivers messages that share a transaction. `more` is called after each was inserted. */
async function send(
  { place, store, mailbox }: Scene,
  ids: string,
  more: (client: pg.PoolClient, key: string) => unknown = () => undefined,
): Promise<unknown[]> {
  const destination = store.deliver(async (client, { key }) => {
    await client.query(`INSERT INTO ${place.schema}.mail VALUES ($1)`, [key]);
    await more(client, key);
  });
  const sent = [...ids].map(async (id) => {
    const about = { key: id, mailbox: ANN, uid: id, size: 4, headersOnly: false, fence: mailbox.fence };
    const writer = await destination.begin(about, undefined, mailbox);
    if (writer === "known") throw new Error("it is not known");
    await writer.write(Buffer.from("text"));
    return writer.commit(entry(id));
  });
  return Promise.all(sent.map((result) => result.catch((error: unknown) => error)));
}

async function keys({ place: { pool, schema } }: Scene): Promise<string> {
  const { rows } = await pool.query<{ key: string }>(`SELECT key FROM ${schema}.mail ORDER BY key`);
  return rows.map(({ key }) => key).join("");
}

const ids = async ({ place }: Scene): Promise<string> =>
  [...(await storeAt(place).read(ANN)).entries.keys()].join("");

const refusal = (code: string): Error => Object.assign(new Error(`refused with ${code}`), { code });

const TEMPORARY = [
  ...["08006", "08P01", "40001", "40P01", "53100", "53200", "53300", "57014", "57P01", "57P03", "58030"],
  ...["25006", "25P03", "ECONNREFUSED", "ECONNRESET", "EPIPE", "ENOENT", "ENOTFOUND"],
];
const LASTING = ["28P01", "3D000", "42501", "42601", "22P05", "XX001"];

test.each([
  ...TEMPORARY.map((code) => [code, true] as const),
  ...LASTING.map((code) => [code, false] as const),
])("a ledger that fails with %s: temporary %s", async (code, temporary) => {
  const { watched, mailbox, store } = await newScene();
  watched.fail = () => refusal(code);
  const failed = { code: "POP3_LEDGER", temporary };
  const message = `cannot write the ledger of ${ANN}: refused with ${code}`;
  await expect(mailbox.record({ entries: [entry("a")] })).rejects.toMatchObject({ ...failed, message });
  await expect(store.open("bea")).rejects.toMatchObject(failed);
  await expect(store.read("bea")).rejects.toMatchObject(failed);
});

test.each([
  "Connection terminated unexpectedly",
  "Connection terminated due to connection timeout",
  "timeout exceeded when trying to connect",
  "Client has encountered a connection error and is not queryable",
  "Query read timeout",
])("words of pg that have no code: %s", async (words) => {
  const { watched, store } = await newScene();
  watched.fail = () => new Error(words);
  await expect(store.open("bea")).rejects.toMatchObject({ code: "POP3_LEDGER", temporary: true });
});

/** Fails a statement of the handler as the server would. */
const raise = (code: string) => (client: pg.PoolClient) =>
  client.query(`DO $$ BEGIN RAISE EXCEPTION 'refused with ${code}' USING ERRCODE = '${code}'; END $$`);

test.each(["40001", "40P01", "57014", "55P03"])(
  "a statement of the handler that fails with %s fails its message, which is tried again later",
  async (code) => {
    const scene = await newScene();
    for (const all of ["a", "bcd"]) {
      const bad = all.charAt(1) || all;
      const results = await send(scene, all, (client, key) => key === bad && raise(code)(client));
      for (const [at, result] of results.entries())
        if (all[at] === bad)
          expect(result).toMatchObject({ code: "POP3_DESTINATION", down: false, later: true });
        else expect(result).toEqual({ recorded: "new" });
    }
    expect([await keys(scene), await ids(scene)]).toEqual(["bd", "bd"]);
  },
);

test.each(["53100", "53200", "58030", "25006"])(
  "a statement of the handler that fails with %s fails the run, and blames no message",
  async (code) => {
    const scene = await newScene();
    for (const all of ["a", "bcd"]) {
      const bad = all.charAt(1) || all;
      for (const result of await send(scene, all, (client, key) => key === bad && raise(code)(client)))
        expect(result).toMatchObject({
          ...{ code: "POP3_DESTINATION", down: true, later: true },
          ...{ message: `cannot store the message: refused with ${code}` },
          cause: { code: "POP3_LEDGER", temporary: true },
        });
    }
    expect([await keys(scene), await ids(scene)]).toEqual(["", ""]);
    expect(await send(scene, "a")).toEqual([{ recorded: "new" }]);
  },
);

test("an error that a library has wrapped counts as what it is", async () => {
  const scene = await newScene();
  const [result] = await send(scene, "a", () => {
    throw new Error("Failed query: insert into mail", { cause: refusal("53100") });
  });
  expect(result).toMatchObject({ code: "POP3_DESTINATION", down: true });
});

test("a connection that is lost during a delivery is not the fault of the message, and the next one works", async () => {
  const scene = await newScene();
  const killed = async (client: pg.PoolClient): Promise<void> => {
    const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    await scene.place.pool.query("SELECT pg_terminate_backend($1)", [rows[0]?.pid]);
    await client.query("SELECT 1");
  };
  for (const result of await send(scene, "ab", killed))
    expect(result).toMatchObject({ code: "POP3_DESTINATION", down: true });
  expect([await keys(scene), await ids(scene)]).toEqual(["", ""]);
  expect(await send(scene, "ab")).toEqual([{ recorded: "new" }, { recorded: "new" }]);
});

test("a connection that is lost while nothing uses it does not end the process", async () => {
  const place = await newPlace();
  const store = storeAt(place);
  await Promise.all([store.read(ANN), store.read(ANN)]);
  const query =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE $1";
  await place.pool.query(query, [`%${place.schema}%`]);
  while ((await store.read(ANN).catch(() => undefined)) === undefined) await turn();
});

test.each([true, false])(
  "after a COMMIT without an answer (made: %s), the next run finds the truth",
  async (made) => {
    const scene = await newScene();
    const { watched, mailbox, place } = scene;
    const connect = watched.connect.bind(watched);
    // The connection is lost: after the server has made the COMMIT, or before it was sent.
    watched.connect = async () => {
      const client = await connect();
      return new Proxy(client, {
        get(target, name) {
          if (name !== "query") return Reflect.get(target, name) as unknown;
          return async (sql: string, values?: unknown[]) => {
            if (!sql.endsWith("COMMIT")) return target.query(sql, values);
            await target.query(made ? sql : "ROLLBACK");
            throw new Error("Connection terminated unexpectedly");
          };
        },
      });
    };
    for (const result of await send(scene, "ab"))
      expect(result).toMatchObject({
        ...{ code: "POP3_DESTINATION", down: true },
        message:
          "cannot store the message: the connection was lost during COMMIT: Connection terminated unexpectedly",
        cause: { code: "POP3_LEDGER", temporary: true },
      });
    // The run believes that both have failed. It must not note that.
    const failed: LedgerEntry = { id: "a", status: "failed", firstSeen: 1, retryAt: 0 };
    await expect(mailbox.record({ entries: [failed] })).rejects.toMatchObject({
      ...{ code: "POP3_LEDGER", temporary: true },
    });
    await mailbox.close().catch(() => undefined);
    const next = await storeAt(place).open(ANN);
    expect(next.takenOver).toBe(false);
    const expected = made ? "ab" : "";
    expect([[...(await next.load()).keys()].join(""), await keys(scene)]).toEqual([expected, expected]);
  },
);

test("a statement that takes longer than the timeout of the server is temporary", async () => {
  const scene = await newScene({ statement_timeout: 50 });
  const [result] = await send(scene, "a", (client) => client.query("SELECT pg_sleep(600)"));
  expect(result).toMatchObject({ code: "POP3_DESTINATION", later: true, down: false });
});

test("a server that only reads is temporary: it may take over later", async () => {
  const { place } = await newScene();
  const store = storeAt(place, {}, newPool({ options: "-c default_transaction_read_only=on" }));
  await expect(store.open("bea")).rejects.toMatchObject({ code: "POP3_LEDGER", temporary: true });
  expect((await store.read("bea")).entries.size).toBe(0);
});

test("messages are durable although the program commits without waiting for the disk", async () => {
  const scene = await newScene({ options: "-c synchronous_commit=off" });
  const setting = async (client: pg.PoolClient): Promise<string | undefined> =>
    (await client.query<{ synchronous_commit: string }>("SHOW synchronous_commit")).rows[0]
      ?.synchronous_commit;
  const seen: unknown[] = [];
  await send(scene, "a", async (client) => seen.push(await setting(client)));
  expect(seen).toEqual(["on"]);
});

test("no error shows the connection string or the password", async () => {
  const password = "the-password-of-ann";
  const pools = [
    new pg.Pool({ connectionString: `postgres://ann:${password}@127.0.0.1:1/mail` }),
    new pg.Pool({ connectionString: `postgres://ann:${password}@127.0.0.1:1:1/mail` }),
  ];
  for (const pool of pools) {
    const store = new PostgresStore(pool);
    for (const call of [() => store.migrate(), () => store.open(ANN), () => store.delete(ANN)]) {
      const error: unknown = await call().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "POP3_LEDGER" });
      const text = inspect(error, { depth: 20, showHidden: true });
      expect(text).not.toContain(password);
      expect(text).not.toContain("postgres://");
    }
    await pool.end();
  }
});
