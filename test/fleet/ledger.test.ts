// What RedisLedger promises beyond the contract: errors, lost answers, restarts, clusters, and how little it sends.
import { inspect } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Redis } from "ioredis";
import { LedgerError, type LedgerEntry } from "popwright/fetch";
import { RedisLedger, type RedisClient, type RedisLedgerOptions } from "popwright/redis";
import { codeOf, failureOf } from "../support/outcome.ts";
import { RedisCluster } from "./redis-cluster.ts";
import { RedisServer } from "./redis-server.ts";

const ANN = "ann@pop.example.com:995";
const BEA = "bea@pop.example.com:995";

let server: RedisServer;
let redis: Redis;
beforeAll(async () => {
  server = await RedisServer.start();
  redis = server.client();
});
afterAll(() => server.stop());
beforeEach(async () => {
  await redis.flushall();
});

const entry = (id: string): LedgerEntry => ({ id, status: "delivered", firstSeen: 1 });
const many = (count: number): LedgerEntry[] => Array.from({ length: count }, (_, at) => entry(`uid-${at}`));

/** A client that reports what it sends. */
function watched(sent: string[][], call: RedisClient["call"] = (...all) => redis.call(...all)): RedisClient {
  return {
    call(command, args) {
      sent.push([command, ...args.map(String)]);
      return call(command, args);
    },
  };
}

/** As if a run had died. */
async function expire(): Promise<void> {
  for (const key of await redis.keys("popwright:ledger:{*}"))
    if ((await redis.hexists(key, "token")) === 1) await redis.hset(key, "until", 1);
}

describe("a ledger in Redis", () => {
  test("takes two short commands for a poll that brings nothing, however much is known", async () => {
    const full = await new RedisLedger(redis).open(ANN);
    await full.record({ entries: many(1000), state: { lastRun: 1 } });
    await full.close();
    const sent: string[][] = [];
    const ledger = new RedisLedger(watched(sent));
    await (await ledger.open(BEA)).close();
    sent.length = 0;
    const held = await ledger.open(ANN);
    await held.confirm?.();
    await held.close({ state: { lastRun: 2, interval: 60_000, listing: "x".repeat(64) } });
    expect(sent.map(([command]) => command)).toEqual(["evalsha", "evalsha"]);
    expect(sent.flat().join("").length).toBeLessThan(500);
  });

  test("records and forgets 20,000 entries at once", async () => {
    const ledger = new RedisLedger(redis);
    const held = await ledger.open(ANN);
    await held.record({ entries: many(20_000) });
    expect((await held.load()).size).toBe(20_000);
    await held.close({ forgotten: many(19_999).map(({ id }) => id) });
    expect([...(await ledger.read(ANN)).entries.values()]).toEqual([entry("uid-19999")]);
  });

  test("forgets an entry that the same record has changed, as all ledgers do", async () => {
    const ledger = new RedisLedger(redis);
    await (await ledger.open(ANN)).close({ entries: many(2), forgotten: ["uid-0"] });
    expect([...(await ledger.read(ANN)).entries.keys()]).toEqual(["uid-1"]);
  });

  test("survives that each command is sent twice, because an answer was lost", async () => {
    const twice: RedisClient["call"] = async (command, args) => {
      await redis.call(command, args).catch(() => undefined);
      return redis.call(command, args);
    };
    const ledger = new RedisLedger(watched([], twice));
    for (let run = 0; run < 3; run++) {
      const held = await ledger.open(ANN);
      expect(held.takenOver).toBe(false);
      await held.record({ entries: [entry(String(run))] });
      await held.close({ state: { lastRun: run } });
    }
    const { entries, state } = await ledger.read(ANN);
    expect([entries.size, state]).toEqual([3, { lastRun: 2 }]);
  });

  test("does not leave a mailbox held if Redis answers too late", async () => {
    const late = watched([], async (command, args) => {
      const answer = await redis.call(command, args);
      return command === "info" ? answer : new Promise<never>(() => undefined);
    });
    expect(await codeOf(new RedisLedger(late, { timeout: 50 }).open(ANN))).toBe("POP3_LEDGER");
    const held = await new RedisLedger(redis).open(ANN);
    expect(held.takenOver).toBe(false);
    await held.close();
  });

  test("knows after a crash of Redis what it has acknowledged, and who holds a mailbox", async () => {
    await using own = await RedisServer.start({ appendfsync: "always" });
    const ledger = new RedisLedger(own.client());
    const held = await ledger.open(ANN);
    await held.record({ entries: [entry("a")], state: { lastRun: 1 } });
    await own.kill();
    const closing = held.close({ entries: [entry("b")] });
    await own.restart();
    expect(await codeOf(new RedisLedger(own.client()).open(ANN))).toMatch(/POP3_MAILBOX_BUSY|resolved/);
    await closing;
    expect([...(await ledger.read(ANN)).entries.keys()]).toEqual(["a", "b"]);
  });

  test("gives a larger fence after Redis has lost everything, and refuses the run from before", async () => {
    const ledger = new RedisLedger(redis);
    const before = await ledger.open(ANN);
    await redis.flushall();
    const after = await ledger.open(ANN);
    expect(after.fence).toBeGreaterThan(before.fence);
    expect(await codeOf(before.record({ entries: [entry("late")] }))).toBe("POP3_LEASE_LOST");
    await after.close();
    expect((await ledger.read(ANN)).entries.size).toBe(0);
  });

  test("refuses a run whose number has come again, because Redis has lost its last second", async () => {
    const ledger = new RedisLedger(redis);
    const before = await ledger.open(ANN);
    const [key = ""] = await redis.keys("popwright:ledger:{*}");
    await redis.hset(key, "token", "of another run", "fence", String(before.fence));
    expect(await codeOf(before.record({ entries: [entry("late")] }))).toBe("POP3_LEASE_LOST");
    await before.close().catch(() => undefined);
  });

  test("keeps over a renaming that the last run has died", async () => {
    const ledger = new RedisLedger(redis);
    const died = await ledger.open(ANN);
    await died.record({ entries: [entry("a")] });
    await expire();
    await ledger.rename(ANN, BEA);
    const held = await ledger.open(BEA);
    expect([held.takenOver, [...(await held.load()).keys()]]).toEqual([true, ["a"]]);
    await held.close();
    await died.close().catch(() => undefined);
  });

  test("leaves nothing of a mailbox to which another could not be renamed", async () => {
    const ledger = new RedisLedger(redis);
    await (await ledger.open(ANN)).close();
    await redis.call("set", ["popwright:ledger:block", "1"]);
    expect(await codeOf(ledger.rename("cat", BEA))).toBe("POP3_LEDGER");
    const names: string[] = [];
    for await (const { mailbox } of ledger.mailboxes()) names.push(mailbox);
    expect(names).toEqual([ANN]);
  });

  test("works in a cluster", async () => {
    await using cluster = await RedisCluster.start();
    const ledger = new RedisLedger(cluster.client());
    const names = Array.from({ length: 20 }, (_, at) => `mail{box}}${at}`);
    for (const name of names) {
      const held = await ledger.open(name);
      await held.record({ entries: many(3), forgotten: ["uid-0"] });
      await held.close({ state: { lastRun: 1 } });
    }
    await ledger.rename("mail{box}}0", "renamed");
    await ledger.delete("mail{box}}1");
    const listed: string[] = [];
    for await (const { mailbox } of ledger.mailboxes()) listed.push(mailbox);
    expect(listed.sort()).toEqual([...names.slice(2), "renamed"].sort());
    expect((await ledger.read("renamed")).entries.size).toBe(2);
  });
});

describe("the error", () => {
  test("of a Redis that evicts keys says what to set", async () => {
    await using own = await RedisServer.start({ "maxmemory-policy": "allkeys-lru" });
    const client = own.client();
    const ledger = new RedisLedger(client);
    const error = await failureOf(ledger.open(ANN));
    expect(error).toMatchObject({ code: "POP3_CONFIG" });
    expect(error.message).toMatch(/maxmemory-policy allkeys-lru.*must be noeviction/);
    await client.config("SET", "maxmemory-policy", "noeviction");
    await (await ledger.open(ANN)).close();
  });

  test.each([
    ["ioredis has given up", { maxRetriesPerRequest: 0, retryStrategy: () => null }, {}],
    ["it does not answer in time", {}, { timeout: 1 }],
  ])("of a Redis that is away is temporary: %s", async (_, options, settings: RedisLedgerOptions) => {
    const own = await RedisServer.start();
    const ledger = new RedisLedger(own.client(options), settings);
    await own.kill();
    const error = await failureOf(ledger.open(ANN));
    await own.stop();
    expect(LedgerError.is(error)).toBe(true);
    expect(error).toMatchObject({ code: "POP3_LEDGER", temporary: true });
    expect(error.message).toMatch(/^cannot open the ledger of ann@pop.example.com:995: ./);
  });

  test("of a password that Redis does not accept is not temporary, and does not show it", async () => {
    await using own = await RedisServer.start({ requirepass: "right" });
    const error = await failureOf(new RedisLedger(own.client({ password: "wrong-one" })).open(ANN));
    expect(error).toMatchObject({ code: "POP3_LEDGER", temporary: false });
    // Also not in its causes: the error of ioredis has the command.
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("wrong-one");
    expect(error.message).toMatch(/WRONGPASS/);
  });

  const call = (): undefined => undefined;
  test.each([
    [{}, {}, /redis must be a client of ioredis/],
    [undefined, {}, /redis must be a client of ioredis/],
    [{ call, options: { keyPrefix: "x:" } }, {}, /use the option prefix instead/],
    [{ call }, { prefix: "{x}" }, /ledger\.prefix must be/],
    [{ call }, { stale: 0.5 }, /ledger\.stale must be a whole number/],
    [
      { call },
      { stale: 5000 },
      /ledger\.heartbeat must be from 1 to 2147483647, and less than ledger\.stale/,
    ],
    [{ call }, { stail: 1 }, /did you mean ledger\.stale\?/],
  ])("of an option says what is wrong: %o, %o", (client, options, message) => {
    expect(() => new RedisLedger(client as never, options as never)).toThrow(message);
  });
});
