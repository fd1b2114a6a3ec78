// Places in Redis: the limit holds over all clients, and those that find a host full get times that are apart.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Redis } from "ioredis";
import { Pop3Pool, type HostPlace, type PlaceRequest } from "popwright";
import { RedisPlaces } from "popwright/redis";
import { codeOf } from "../support/outcome.ts";
import { account, serve } from "../pool/accounts.ts";
import { RedisCluster } from "./redis-cluster.ts";
import { RedisServer } from "./redis-server.ts";

const HOST = "pop.example.com";
const KEY = `popwright:places:{${HOST}}`;

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
afterEach(() => void vi.useRealTimers());

const request = (maildrop: number, limit = 2, host = HOST): PlaceRequest => ({
  host,
  maildrop: String(maildrop),
  limit,
  signal: new AbortController().signal,
});

const isPlace = (answer: HostPlace | { readonly comeAt: number }): answer is HostPlace => "release" in answer;

async function taken(places: RedisPlaces, maildrop: number, limit?: number): Promise<HostPlace> {
  const answer = await places.take(request(maildrop, limit));
  expect(isPlace(answer)).toBe(true);
  return answer as HostPlace;
}

async function comeAt(places: RedisPlaces, maildrop: number, limit?: number): Promise<number> {
  const answer = await places.take(request(maildrop, limit));
  expect(isPlace(answer)).toBe(false);
  return (answer as { readonly comeAt: number }).comeAt;
}

describe("a place in Redis", () => {
  test("is free again when it was given back, also for another process", async () => {
    const [here, there] = [new RedisPlaces(redis), new RedisPlaces(server.client())];
    const first = await taken(here, 1);
    await taken(there, 2);
    await comeAt(here, 3);
    await comeAt(there, 4);
    await first.release({ ms: 5 });
    await taken(there, 3);
    await comeAt(here, 4);
  });

  test("is one of another limit for each host", async () => {
    const places = new RedisPlaces(redis);
    await taken(places, 1, 1);
    expect(isPlace(await places.take(request(2, 1, "pop.example.org")))).toBe(true);
    await comeAt(places, 2, 1);
  });

  test("is never one too many, in whatever order they ask", async () => {
    const all = Array.from({ length: 4 }, () => new RedisPlaces(server.client()));
    let [now, most, worked] = [0, 0, 0];
    const work = async (maildrop: number): Promise<void> => {
      const places = all[maildrop % all.length] as RedisPlaces;
      for (let left = 5; left > 0;) {
        const answer = await places.take(request(maildrop, 3));
        if (!isPlace(answer)) continue;
        most = Math.max(most, ++now);
        await redis.ping();
        now--;
        worked++;
        left--;
        await answer.release({ ms: 1 });
      }
    };
    await Promise.all(Array.from({ length: 12 }, (_, at) => work(at)));
    expect([most, worked]).toEqual([3, 60]);
  });

  test("comes at a reserved time, each one later by the share of a session", async () => {
    // Hours, so that the time which the commands take does not matter.
    const places = new RedisPlaces(redis, { lifetime: "11 days" });
    await redis.hset(KEY, ":mean", 8_000_000);
    await taken(places, 1);
    await taken(places, 2);
    const before = Date.now();
    const times: number[] = [];
    for (let maildrop = 3; maildrop < 8; maildrop++) times.push(await comeAt(places, maildrop));
    // The mean, divided by two places.
    const gaps = times.map((time, at) => time - (times[at - 1] ?? before));
    expect(gaps.map((gap) => Math.round(gap / 4_000_000))).toEqual([1, 1, 1, 1, 1]);
  });

  test("goes to the one that was promised it, and not to one that comes in between", async () => {
    const places = new RedisPlaces(redis);
    const first = await taken(places, 1, 1);
    await comeAt(places, 2, 1);
    await first.release({ ms: 200 });
    await comeAt(places, 3, 1);
    await (await taken(places, 2, 1)).release({ ms: 200 });
    await taken(places, 3, 1);
  });

  test("is not promised again to one that comes at its time and has to wait: it stays the first", async () => {
    const places = new RedisPlaces(redis);
    await redis.hset(KEY, ":mean", 8000);
    const first = await taken(places, 1, 1);
    const times: number[] = [];
    for (let maildrop = 2; maildrop < 6; maildrop++) times.push(await comeAt(places, maildrop, 1));
    // The time of the first one has come.
    await redis.zadd(`${KEY}:waiting`, Date.now() - 1, "2");
    const wait = (await comeAt(places, 2, 1)) - Date.now();
    expect(wait).toBeLessThanOrEqual(8000);
    await first.release({ ms: 8000 });
    await comeAt(places, 5, 1);
    await taken(places, 2, 1);
  });

  test("is free for others if those who were promised it do not come", async () => {
    const places = new RedisPlaces(redis);
    const first = await taken(places, 1, 1);
    await comeAt(places, 2, 1);
    await first.release({ ms: 200 });
    await redis.zadd(`${KEY}:waiting`, Date.now() - 5001, "2");
    const next = await taken(places, 3, 1);
    await next.release({ ms: 200 });
    // It is still the first of those that wait, for a minute.
    expect(await redis.zcard(`${KEY}:waiting`)).toBe(1);
    await redis.zadd(`${KEY}:waiting`, Date.now() - 60_001, "2");
    await taken(places, 3, 1);
    expect(await redis.zcard(`${KEY}:waiting`)).toBe(0);
  });

  test("learns how long sessions take, from those that succeed, and not from a single long one", async () => {
    const places = new RedisPlaces(redis);
    const mean = async (): Promise<number> => (await places.hosts())[0]?.mean ?? NaN;
    for (let session = 0; session < 20; session++) await (await taken(places, 1)).release({ ms: 200 });
    expect(await mean()).toBeCloseTo(200, -1);
    await (await taken(places, 1)).release({ ms: 60_000, error: new Error("timeout") });
    expect(await mean()).toBeCloseTo(200, -1);
    await (await taken(places, 1)).release({ ms: 600_000 });
    expect(await mean()).toBeLessThan(400);
  });

  test("is found again by the next session of the same maildrop, and the session before cannot give it back", async () => {
    const [dead, next] = [new RedisPlaces(server.client()), new RedisPlaces(redis)];
    const old = await taken(dead, 1, 1);
    const place = await taken(next, 1, 1);
    await old.release({ ms: 1 });
    await comeAt(next, 2, 1);
    await place.release({ ms: 1 });
    await taken(next, 2, 1);
  });

  test("is free when it was not renewed for its lifetime, and is renewed while it is taken", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const places = new RedisPlaces(redis, { lifetime: 600_000 });
    await taken(places, 1, 1);
    const [, token] = String(await redis.hget(KEY, "1")).split(" ");
    const later = Date.now() + 36_000_000;
    await redis.hset(KEY, "1", `${later} ${token} 1`);
    vi.advanceTimersByTime(200_000);
    await redis.ping();
    const [until] = String(await redis.hget(KEY, "1")).split(" ");
    expect(Number(until)).toBeLessThan(later);
    expect(Number(until)).toBeGreaterThan(Date.now());
    await redis.hset(KEY, "1", `1 ${token} 1`);
    await taken(places, 2, 1);
  });

  test("is counted and named for status pages", async () => {
    const places = new RedisPlaces(redis);
    await taken(places, 1, 3);
    await taken(places, 2, 3);
    expect(await places.hosts()).toMatchObject([{ host: HOST, taken: 2, limit: 3, mean: 200 }]);
    await redis.del(KEY);
    expect(await places.hosts()).toEqual([]);
    expect(await redis.smembers("popwright:places:hosts")).toEqual([]);
  });

  test("works in a cluster", async () => {
    await using cluster = await RedisCluster.start();
    const places = new RedisPlaces(cluster.client());
    const hosts = Array.from({ length: 10 }, (_, at) => `pop${at}.example.com`);
    for (const host of hosts) {
      expect(isPlace(await places.take(request(1, 1, host)))).toBe(true);
      expect(isPlace(await places.take(request(2, 1, host)))).toBe(false);
    }
    expect((await places.hosts()).map(({ host }) => host).sort()).toEqual(hosts);
  });
});

test("a pool takes its places in Redis, and gives them back", async () => {
  await using pop3 = await serve(["ann", "bob"]);
  const places = new RedisPlaces(redis);
  const pools = [1, 2].map(() => new Pop3Pool({ maxPerHost: 1, places }));
  const [first, second] = pools as [Pop3Pool, Pop3Pool];
  await first.use(account(pop3, "ann"), async () => {
    expect(await codeOf(second.use(account(pop3, "bob"), () => undefined))).toBe("POP3_HOST_BUSY");
  });
  await second.use(account(pop3, "bob"), () => undefined);
  await Promise.all(pools.map((pool) => pool.close()));
  expect((await places.hosts()).map(({ taken: now }) => now)).toEqual([0]);
});
