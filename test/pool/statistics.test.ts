// What a pool shows of itself: numbers, and traces of its uses. No user, no password, no token.
import { tracingChannel } from "node:diagnostics_channel";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Pop3Pool, type Pop3Client, type Pop3PoolTrace } from "../../src/index.ts";
import { Pop3Server } from "../../src/testing/index.ts";
import { codeOf, failureOf } from "../support/outcome.ts";
import { expectNoSecret, SECRET, visible } from "../support/secret.ts";
import { guardEachTest } from "../support/sentry.ts";
import { until } from "../support/turns.ts";
import { account, gate, serve } from "./accounts.ts";

guardEachTest();
afterEach(() => vi.useRealTimers());

const nothing = (): void => undefined;

describe("statistics", () => {
  test("are zero for a new pool", () => {
    const { statistics } = new Pop3Pool();
    expect(statistics).toEqual({
      ...{ inUse: 0, idle: 0, connecting: 0, open: 0, waiting: 0 },
      ...{ opened: 0, reused: 0, retried: 0, failed: 0 },
    });
    expect(Object.isFrozen(statistics)).toBe(true);
  });

  test("change with each step of a call", async () => {
    await using server = await serve(["ann", "bob", "joe"], {
      faults: [{ on: "greeting", nth: 2, stall: 0 }],
    });
    await using pool = new Pop3Pool({ maxSessions: 2, idleTimeout: 60_000 });
    const [busy, controller] = [gate(), new AbortController()];
    const ann = pool.use(account(server), () => busy.passed);
    await until(() => pool.statistics.inUse === 1);
    const bob = codeOf(pool.use(account(server, "bob"), nothing, { signal: controller.signal }));
    await until(() => pool.statistics.connecting === 1);
    const joe = pool.use(account(server, "joe"), nothing);
    const before = pool.statistics;
    expect(before).toMatchObject({ inUse: 1, connecting: 1, idle: 0, open: 2, waiting: 1, opened: 1 });
    controller.abort();
    await Promise.all([bob, joe]);
    expect(pool.statistics).toMatchObject({
      inUse: 1,
      connecting: 0,
      idle: 1,
      open: 2,
      waiting: 0,
      opened: 2,
    });
    busy.open();
    await ann;
    expect(await codeOf(pool.use(account(server, "eve"), nothing))).toBe("POP3_AUTH_REJECTED");
    expect(pool.statistics).toMatchObject({ inUse: 0, idle: 1, opened: 2, failed: 1 });
    expect(before.waiting).toBe(1);
  });

  test("are what util.inspect shows of a pool", () => {
    const pool = new Pop3Pool();
    expect(inspect(pool)).toBe(`Pop3Pool ${inspect(pool.statistics)}`);
  });
});

test("a pool shows no secret", async () => {
  await using server = await Pop3Server.listen({
    users: { ann: { pass: SECRET, messages: ["1\r\n"] }, bob: { pass: "another" } },
  });
  await using pool = new Pop3Pool({ idleTimeout: 60_000 });
  const auth = { user: "ann", pass: SECRET };
  await pool.use(account(server, "ann", { auth }), (client) => {
    expectNoSecret(visible(client));
    expectNoSecret(visible(pool));
  });
  expect(pool.statistics.idle).toBe(1);
  expectNoSecret(visible(pool));
  const error = await failureOf(
    pool.use(account(server, "bob", { auth: { user: "bob", pass: SECRET } }), nothing),
  );
  expectNoSecret(visible(error));
});

describe("traces", () => {
  const channel = tracingChannel<Pop3PoolTrace>("popwright:pool");
  const events: [string, Pop3PoolTrace][] = [];
  const note =
    (name: string) =>
    (trace: unknown): void => {
      events.push([name, { ...(trace as Pop3PoolTrace) }]);
    };
  const subscriber = {
    start: note("start"),
    end: note("end"),
    asyncStart: note("asyncStart"),
    asyncEnd: note("asyncEnd"),
    error: note("error"),
  };
  beforeEach(() => {
    events.length = 0;
    channel.subscribe(subscriber);
  });
  afterEach(() => channel.unsubscribe(subscriber));

  const names = (): string[] => events.map(([name]) => name);

  test("show a use from the call to its end", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool();
    await pool.use(account(server), (client: Pop3Client) => client.stat());
    expect(names()).toEqual(["start", "end", "asyncStart", "asyncEnd"]);
    const { host, port } = server;
    const peer = { host, port, serverAddress: host, serverPort: port };
    const first = { ...peer, session: undefined, waited: undefined, attempts: 0, reused: false };
    expect(events[0]?.[1]).toEqual(first);
    expect(events[3]?.[1]).toEqual({
      ...peer,
      session: expect.any(String) as string,
      waited: expect.any(Number) as number,
      attempts: 1,
      reused: false,
    });
    expect(visible(events)).not.toMatch(/ann|secret/);
  });

  test("show a use that waits, retries, and gets a kept session", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    await using server = await serve(["ann"], {
      faults: [{ on: "greeting", reply: "-ERR [SYS/TEMP] not now\r\n" }],
    });
    await using pool = new Pop3Pool({ idleTimeout: 60_000, retryFor: 60_000 });
    const busy = gate();
    const calls = [pool.use(account(server), () => busy.passed), pool.use(account(server), nothing)];
    await until(() => pool.statistics.waiting === 2);
    vi.advanceTimersByTime(2000);
    await until(() => pool.statistics.inUse === 1);
    busy.open();
    await Promise.all(calls);
    const ends = events.filter(([name]) => name === "asyncEnd").map(([, trace]) => trace);
    expect(ends).toMatchObject([
      { waited: 0, attempts: 2, reused: false },
      { waited: 2000, attempts: 0, reused: true },
    ]);
  });

  test("show a use that fails", async () => {
    await using server = await serve(["ann"]);
    const pool = new Pop3Pool();
    const thrown = new Error("no");
    await expect(pool.use(account(server), () => Promise.reject(thrown))).rejects.toBe(thrown);
    expect(names()).toEqual(["start", "end", "error", "asyncStart", "asyncEnd"]);
    expect(events[2]?.[1].error).toBe(thrown);
    await pool.close();
    events.length = 0;
    await codeOf(pool.use(account(server), nothing));
    expect(names()).toEqual(["start", "end", "error", "asyncStart", "asyncEnd"]);
    expect(events[4]?.[1]).toMatchObject({ waited: undefined, error: { code: "POP3_POOL_CLOSED" } });
  });

  test("are not published without a subscriber", async () => {
    channel.unsubscribe(subscriber);
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool();
    await pool.use(account(server), nothing);
    expect(events).toEqual([]);
  });
});
