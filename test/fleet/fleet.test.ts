// A fleet polls its mailboxes again and again, knows how each of them is, and its jobs never end, whatever goes wrong.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Redis } from "ioredis";
import type { Pop3ClientOptions, Pop3LogFacts } from "popwright";
import { createFetchWorker, Fleet } from "popwright/bullmq";
import { DestinationError, LedgerError, MemoryLedger } from "popwright/fetch";
import { RedisLedger } from "popwright/redis";
import { jobIdOf, mailboxIdOf } from "../../src/bullmq/engine.ts";
import { gate } from "../pool/accounts.ts";
import { accountOf, mail } from "../support/mail.ts";
import { codeOf, failureOf } from "../support/outcome.ts";
import { RedisCluster } from "./redis-cluster.ts";
import { RedisServer } from "./redis-server.ts";
import { Scene, SOON } from "./scene.ts";

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

/** Everything that is in Redis, as text. */
async function contents(): Promise<string> {
  const parts: unknown[] = [];
  for (const key of await redis.keys("*")) {
    // Of the last thousand events there are the ids of jobs.
    if (key.endsWith(":events")) continue;
    const type = await redis.type(key);
    if (type === "hash") parts.push(key, await redis.hgetall(key));
    if (type === "string") parts.push(key, await redis.get(key));
    if (type === "zset") parts.push(key, await redis.zrange(key, "0", "-1"));
    if (type === "list") parts.push(key, await redis.lrange(key, 0, -1));
    if (type === "set") parts.push(key, await redis.smembers(key));
  }
  return JSON.stringify(parts);
}

describe("a fleet", () => {
  test("delivers the mail of all mailboxes once, by several workers, and polls them again", async () => {
    const scene = await Scene.create(server, 12);
    await scene.addAll();
    await Promise.all([scene.worker(), scene.worker({ concurrency: 3 })]);
    await scene.all();
    await scene.all();
    expect(scene.delivered).toEqual(scene.wanted);
    scene.pop3.maildrop("box3").add(mail(100));
    await scene.until(() => scene.delivered.includes(mail(100)));
    expect(scene.errors).toEqual([]);
    expect(scene.polls.every(({ outcome }) => outcome === "done" || outcome === "full")).toBe(true);
    const first = scene.polls.find(({ outcome }) => outcome === "done");
    expect(first).toMatchObject({ host: "127.0.0.1", error: undefined, report: { delivered: 1 } });
    expect(first?.lag).toBeGreaterThanOrEqual(0);
  });

  test("has no password, no user and no address in Redis, also after failures", async () => {
    const scene = await Scene.create(server, 2);
    scene.passwords.set("box1", "wrong-password");
    await scene.fleet.add("id-1");
    await scene.fleet.add("id-2");
    await scene.worker({
      account: (id) => scene.account(id === "id-1" ? "box0" : "box1"),
      ledger: new RedisLedger(server.client()),
    });
    await scene.next(({ id }) => id === "id-1");
    if (!scene.polls.some(({ id }) => id === "id-2")) await scene.next(({ id }) => id === "id-2");
    const text = await contents();
    expect(text).toContain("id-1");
    expect(text).not.toMatch(/box[01]|secret|wrong-password|@/);
  });

  test("gives its logger to the runs and their sessions, unless an account has its own", async () => {
    const scene = await Scene.create(server, 2);
    await scene.addAll();
    const lines: Pop3LogFacts[] = [];
    const write = (facts: Pop3LogFacts): void => void lines.push(facts);
    await scene.worker({
      logger: { debug: write, info: write, warn: write },
      account: async (id) => {
        const given = await scene.account(id);
        if (id === "box0" || given === undefined) return given;
        return { ...given, account: { ...(given.account as Pop3ClientOptions), logger: false } };
      },
    });
    await scene.all();
    expect(new Set(lines.map(({ area }) => area))).toEqual(new Set(["fetch", "pool", "session", "wire"]));
    const named = lines.filter(({ area }) => area === "fetch").map(({ mailbox }) => mailbox);
    expect(new Set(named)).toEqual(new Set(["box0"]));
    expect(JSON.stringify(lines)).not.toMatch(/box1|secret/);
  });

  test("adds a mailbox once", async () => {
    const scene = await Scene.create(server, 1);
    await scene.fleet.add("box0", { at: Date.now() + 1_000_000 });
    await scene.fleet.add("box0");
    expect(await scene.fleet.status()).toMatchObject({ mailboxes: 1, due: 0, lag: 0, states: { ok: 1 } });
    expect(await scene.fleet.mailbox("box0")).toMatchObject({ job: "delayed", state: "ok", paused: false });
    expect(await scene.fleet.mailbox("box1")).toBeUndefined();
  });

  test("polls a mailbox now, and removes it", async () => {
    const scene = await Scene.create(server, 1);
    await scene.worker();
    await scene.fleet.add("box0", { at: Date.now() + 1_000_000 });
    const polled = scene.next(({ id }) => id === "box0");
    expect(await scene.fleet.pollNow("box0")).toBe(true);
    expect((await polled).outcome).toBe("done");
    expect(await scene.fleet.pollNow("box9")).toBe(false);
    while (!(await scene.fleet.remove("box0"))) await scene.next(() => true);
    expect(await scene.fleet.mailbox("box0")).toBeUndefined();
    expect(await contents()).not.toContain("box0");
  });

  test("forgets a mailbox whose account is gone", async () => {
    const scene = await Scene.create(server, 2);
    await scene.addAll();
    await scene.worker();
    await scene.all();
    scene.gone.add("box0");
    await scene.next(({ id, outcome }) => id === "box0" && outcome === "gone");
    const from = scene.polls.length;
    await scene.next(({ id }) => id === "box1");
    await scene.next(({ id }) => id === "box1");
    expect(scene.polls.slice(from).map(({ id }) => id)).not.toContain("box0");
    expect((await scene.fleet.status()).mailboxes).toBe(1);
  });

  test("takes a new password from the next poll on, and tells who needs one", async () => {
    const scene = await Scene.create(server, 2);
    scene.passwords.set("box0", "wrong");
    await scene.addAll();
    const began = Date.now();
    await scene.worker();
    const { error, nextPollAt = 0 } = await scene.next(
      ({ id, outcome }) => id === "box0" && outcome === "failed",
    );
    expect(error).toMatchObject({ code: "POP3_AUTH_REJECTED" });
    expect(nextPollAt).toBeGreaterThanOrEqual(began);
    // The job may be on its way back.
    await scene.next(({ id }) => id === "box1");
    expect(await scene.fleet.mailbox("box0")).toMatchObject({
      state: "login",
      error: { code: "POP3_AUTH_REJECTED" },
    });
    const { states, worst } = await scene.fleet.status();
    expect(states).toMatchObject({ ok: 1, login: 1 });
    expect(worst).toMatchObject([{ id: "box0", state: "login" }]);
    scene.passwords.set("box0", "secret");
    const done = scene.next(({ id, outcome }) => id === "box0" && outcome === "done");
    await scene.fleet.pollNow("box0");
    await done;
    await scene.next(({ id }) => id === "box1");
    expect((await scene.fleet.status()).states).toMatchObject({ ok: 2, login: 0 });
  });

  test("leaves a paused mailbox alone, paused by the account or by the fleet", async () => {
    const scene = await Scene.create(server, 2);
    scene.paused.add("box0");
    await scene.fleet.pause("box1");
    await scene.addAll();
    await scene.worker();
    await scene.all("paused");
    expect(scene.pop3.connections).toBe(0);
    expect((await scene.fleet.status()).states).toMatchObject({ ok: 0, paused: 2 });
    expect(await scene.fleet.mailbox("box0")).toMatchObject({ state: "paused", paused: false });
    expect(await scene.fleet.mailbox("box1")).toMatchObject({ state: "paused", paused: true });
    scene.paused.clear();
    const done = scene.all();
    await scene.fleet.pollNow("box0");
    await scene.fleet.resume("box1");
    await done;
    expect((await scene.fleet.status()).worst).toEqual([]);
  });

  test("keeps the limit of a host over all workers", async () => {
    const scene = await Scene.create(server, 12, { latency: 2 });
    await scene.addAll();
    let most = 0;
    const onEvent = (): void => void (most = Math.max(most, scene.pop3.sessions));
    const limits = { maxPerHost: (host: string) => (host === "127.0.0.1" ? 2 : 9), onEvent };
    await Promise.all([scene.worker(limits), scene.worker(limits)]);
    await scene.all();
    await scene.all();
    expect(most).toBe(2);
    const [host] = (await scene.fleet.status()).hosts;
    expect(host).toMatchObject({ host: "127.0.0.1", limit: 2 });
    expect(host?.taken).toBeLessThanOrEqual(2);
  });
});

describe("a job stays, and comes again, if", () => {
  test.each([
    ["account() returns nonsense", { account: () => 5 as never }, "POP3_CONFIG"],
    [
      "account() returns an account that is invalid",
      { account: () => ({ account: { host: "" } }) },
      "POP3_CONFIG",
    ],
    [
      "an option of the account is misspelt",
      { account: () => ({ account: "pop3://x:y@127.0.0.1", polycy: {} }) as never },
      "POP3_CONFIG",
    ],
    ["onEvent throws", { onEvent: () => Promise.reject(new Error("listener")) }, "POP3_CALLER"],
    [
      "the ledger throws nonsense",
      { ledger: Object.assign(new MemoryLedger(), { open: () => Promise.reject(new Error("no")) }) },
      "POP3_CALLER",
    ],
  ])("%s", async (_, options, code) => {
    const scene = await Scene.create(server, 1);
    await scene.fleet.add("box0");
    await scene.worker(options);
    const { error, nextPollAt = 0 } = await scene.next(() => true);
    expect(error).toMatchObject({ code });
    expect(nextPollAt - Date.now()).toBeLessThan(2 * 60 * 60_000);
    while ((await scene.fleet.mailbox("box0"))?.job !== "delayed");
    const from = scene.next(() => true);
    await scene.fleet.pollNow("box0");
    await from;
    expect(await redis.zcard("{popwright}:mail:failed")).toBe(0);
  });

  test("onError throws, because the job was removed in the meantime", async () => {
    const scene = await Scene.create(server, 2);
    await scene.addAll();
    let told = 0;
    await scene.worker({
      concurrency: 1,
      async destination(message) {
        if (message.mailbox === "box0") await redis.del("{popwright}:mail:m-box0");
        scene.inbox.deliver(message);
      },
      onError() {
        told++;
        throw new Error("logging");
      },
    });
    await scene.next(({ id }) => id === "box1");
    await scene.next(({ id }) => id === "box1");
    expect(told).toBeGreaterThan(0);
    expect(await redis.zcard("{popwright}:mail:failed")).toBe(0);
    expect(scene.delivered).toEqual(scene.wanted);
  });

  test("onPoll throws", async () => {
    const scene = await Scene.create(server, 1);
    await scene.fleet.add("box0");
    const [first, second] = [gate(), gate()];
    const gates = [first, second];
    await scene.worker({
      onPoll() {
        gates.shift()?.open();
        throw new Error("metrics");
      },
    });
    await second.passed;
    expect(scene.errors[0]?.message).toBe("metrics");
  });

  test("Redis restarts", async () => {
    const own = await RedisServer.start();
    const scene = await Scene.create(own, 5);
    await scene.addAll();
    await scene.worker();
    await scene.all();
    await own.kill();
    await own.restart();
    await scene.all();
    expect(scene.delivered).toEqual(scene.wanted);
    expect((await scene.fleet.status()).mailboxes).toBe(5);
  });
});

describe("reconcile", () => {
  test("adds what is missing, spread, and removes what is unknown", async () => {
    const scene = await Scene.create(server, 1);
    await scene.fleet.add("old");
    const ids = Array.from({ length: 1200 }, (_, at) => String(at));
    expect(await scene.fleet.reconcile(ids)).toEqual({ added: 1200, removed: 1, revived: 0 });
    const { mailboxes, due } = await scene.fleet.status();
    expect(mailboxes).toBe(1200);
    expect(due).toBeLessThan(600);
    expect(await scene.fleet.reconcile(ids)).toEqual({ added: 0, removed: 0, revived: 0 });
  });

  test("brings everything back after Redis has lost it, and no mail comes twice", async () => {
    const scene = await Scene.create(server, 6);
    await scene.fleet.reconcile(scene.ids, { spread: 0 });
    await scene.worker();
    await scene.all();
    await redis.flushall();
    expect((await scene.fleet.reconcile(scene.ids, { spread: 0 })).added).toBeGreaterThan(0);
    await scene.all();
    expect(scene.delivered).toEqual(scene.wanted);
    expect((await scene.fleet.status()).mailboxes).toBe(6);
  });

  test("revives jobs that have failed, and jobs that belong to no list", async () => {
    const scene = await Scene.create(server, 3);
    const at = Date.now() + 1_000_000;
    for (const id of scene.ids) await scene.fleet.add(id, { at });
    await redis.zrem("{popwright}:mail:delayed", "m-box0", "m-box1");
    await redis.zadd("{popwright}:mail:failed", Date.now(), "m-box0");
    expect(await scene.fleet.reconcile(scene.ids, { spread: 0 })).toEqual({
      added: 1,
      removed: 0,
      revived: 2,
    });
    expect(await scene.fleet.status()).toMatchObject({ mailboxes: 3 });
    expect(await redis.zcard("{popwright}:mail:failed")).toBe(0);
  });
});

describe("a worker", () => {
  test.each(["destination", "ledger", "account"])(
    "pauses while the %s fails, and continues by itself",
    async (part) => {
      const scene = await Scene.create(server, 40);
      await scene.addAll();
      let isDown = true;
      const open = scene.ledger.open.bind(scene.ledger);
      if (part === "ledger")
        scene.ledger.open = (...all) =>
          isDown ? Promise.reject(new LedgerError("away", { temporary: true })) : open(...all);
      const worker = await scene.worker({
        concurrency: 4,
        maxPerHost: 40,
        ...(part === "destination" && {
          destination: (message) => {
            if (isDown) throw new DestinationError("away", { down: true });
            scene.inbox.deliver(message);
          },
        }),
        ...(part === "account" && {
          account: (id: string) => (isDown ? Promise.reject(new Error("away")) : scene.account(id)),
        }),
      });
      await scene.next(({ outcome }) => outcome === "failed");
      const { ready, live, reasons } = await worker.health();
      expect([ready, live]).toEqual([false, true]);
      expect(reasons.join()).toMatch(/the worker pauses until/);
      // Those under way, at the most.
      expect(scene.polls.length).toBeLessThanOrEqual(4);
      isDown = false;
      // After a failure of account(), its mailboxes come again after a minute.
      for (const id of scene.ids) await scene.fleet.pollNow(id);
      await scene.until(() =>
        scene.ids.every((id) => scene.polls.some((poll) => poll.id === id && poll.outcome === "done")),
      );
      expect((await worker.health()).ready).toBe(true);
      expect(scene.delivered).toEqual(scene.wanted);
    },
  );

  test("holds the mailboxes of a host back that is down, and polls those of others", async () => {
    const scene = await Scene.create(server, 4);
    const dead = accountOf(scene.pop3, "box0");
    const isDead = (id: string): boolean => id !== "box3";
    await scene.worker({
      concurrency: 1,
      account: (id) => (isDead(id) ? { account: { ...dead, port: 1 } } : scene.account(id)),
      policy: { ...SOON, poll: { every: "1 day" } },
    });
    await scene.addAll();
    await scene.until(() => scene.polls.length >= 4);
    expect(scene.polls.map(({ outcome }) => outcome)).toEqual(["failed", "failed", "held-back", "done"]);
    expect(scene.polls.find(({ id }) => id === "box3")?.outcome).toBe("done");
    expect((await scene.fleet.status()).states).toMatchObject({ host: 3, ok: 1 });
  });

  test("aborts what runs when its time to close is over, and another worker continues", async () => {
    const scene = await Scene.create(server, 1);
    await scene.addAll();
    const begun = gate();
    const worker = await scene.worker({
      destination: {
        begin: (_, signal) =>
          new Promise((_resolve, reject) => {
            begun.open();
            signal?.addEventListener("abort", () => reject(new Error("aborted")));
          }),
      },
    });
    await begun.passed;
    const stopped = scene.next(() => true);
    await worker.close({ within: 10 });
    expect((await stopped).outcome).toBe("stopped");
    expect((await worker.health()).reasons).toContain("the worker is closing");
    await scene.worker();
    await scene.all();
    expect(scene.delivered).toEqual(scene.wanted);
  });

  test("closes although Redis is away", async () => {
    const own = await RedisServer.start();
    const scene = await Scene.create(own, 1);
    await scene.addAll();
    const worker = await scene.worker();
    await scene.all();
    await own.kill();
    await worker.close({ within: 10 });
    expect((await worker.health()).ready).toBe(false);
    await own.stop();
  });

  test("is listed while it lives", async () => {
    const scene = await Scene.create(server, 1);
    const worker = await scene.worker({ concurrency: 7 });
    await redis.ping();
    while ((await scene.fleet.status()).workers.length === 0);
    expect((await scene.fleet.status()).workers).toMatchObject([
      { id: worker.id, active: 0, concurrency: 7 },
    ]);
    await worker.close();
    expect((await scene.fleet.status()).workers).toEqual([]);
  });
});

test("a fleet works in a cluster", async () => {
  await using cluster = await RedisCluster.start();
  const scene = await Scene.create(cluster, 4);
  await scene.addAll();
  await scene.worker({ ledger: new RedisLedger(cluster.client()) });
  await scene.all();
  expect(scene.delivered).toEqual(scene.wanted);
  expect(await scene.fleet.status()).toMatchObject({ mailboxes: 4, states: { ok: 4 } });
  await scene.close();
});

test("a Redis that evicts keys is refused", async () => {
  await using own = await RedisServer.start({ "maxmemory-policy": "allkeys-lru" });
  const client = own.client();
  const worker = createFetchWorker({
    redis: client,
    account: () => undefined,
    ledger: new MemoryLedger(),
    destination: () => undefined,
  });
  expect((await failureOf(worker)).message).toContain("maxmemory-policy");
  expect(await codeOf(new Fleet({ redis: client }).add("x"))).toBe("POP3_CONFIG");
});

test.each(["1", "a:b", "100%", "%3A:%25", "0:1", "ü@x"])(
  "the id %j becomes the id of a job, and back",
  (id) => {
    expect(jobIdOf(id)).toMatch(/^m-[^:]+$/);
    expect(mailboxIdOf(jobIdOf(id))).toBe(id);
  },
);
