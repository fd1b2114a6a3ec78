// RedisLedger passes the contract of ledgers.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Redis } from "ioredis";
import { RedisLedger } from "popwright/redis";
import { ledgerContract } from "popwright/testing";
import { RedisServer } from "./redis-server.ts";

let server: RedisServer;
let redis: Redis;
beforeAll(async () => {
  server = await RedisServer.start();
  redis = server.client();
});
afterAll(() => server.stop());

const connections = new WeakMap<RedisLedger, Redis>();

/** Another process has a connection of its own. */
function newLedger(): RedisLedger {
  const client = server.client();
  const ledger = new RedisLedger(client, { heartbeat: 500 });
  connections.set(ledger, client);
  return ledger;
}

async function expire(): Promise<void> {
  for (const key of await redis.keys("popwright:ledger:{*}")) await redis.hset(key, "until", 1);
}

/** Redis refuses commands that need memory. */
async function failWrites(): Promise<() => Promise<unknown>> {
  await redis.config("SET", "maxmemory", 1);
  return () => redis.config("SET", "maxmemory", 0);
}

const cases = ledgerContract(
  async () => {
    await redis.flushall();
    return newLedger();
  },
  {
    reopen: newLedger,
    expire,
    failWrites,
    noticesLoss: true,
    loneSurrogates: true,
    remove: (ledger) => connections.get(ledger)?.disconnect(),
  },
);

describe("RedisLedger as a ledger", () => {
  for (const { name, run } of cases.filter(({ notRun }) => notRun === undefined)) test(name, run);

  test("leaves out no other cases", () => {
    // A script is made whole or not at all.
    expect([...new Set(cases.flatMap(({ notRun }) => notRun ?? []))]).toEqual(["give the option tear"]);
  });
});
