// Places on hosts that pools share: a session is opened only with one, and each one is released with what happened.
import { createHash } from "node:crypto";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Pop3Error, Pop3HostBusyError, Pop3Pool, type HostPlaces } from "../../src/index.ts";
import { shown } from "../../src/options/checks.ts";
import { Account } from "../../src/pool/account.ts";
import { isTemporary } from "../../src/retry.ts";
import { said } from "../support/ann.ts";
import { stopClocks, timePasses } from "../support/clock.ts";
import { codeOf, failureOf } from "../support/outcome.ts";
import { guardEachTest } from "../support/sentry.ts";
import { turns, until } from "../support/turns.ts";
import { account, gate, serve } from "./accounts.ts";
import { SharedPlaces } from "./shared-places.ts";

guardEachTest();
stopClocks();
afterEach(() => vi.restoreAllMocks());

const nothing = (): void => undefined;
const each = "every" as const;

function throwing(value: unknown): never {
  throw value;
}

describe("a place", () => {
  test("is asked for with host, maildrop and limit, and without the name of the user", async () => {
    await using server = await serve(["ann", "bob"]);
    const places = new SharedPlaces();
    await using pool = new Pop3Pool({ places, maxPerHost: 3 });
    for (const user of ["ann", "bob", "ann"])
      await pool.use({ ...account(server, user), host: "LocalHost" }, nothing);
    expect(places.asked.map(({ host, limit }) => [host, limit])).toEqual(
      Array.from({ length: 3 }, () => ["localhost", 3]),
    );
    const [ann, bob, again] = places.asked.map(({ maildrop }) => maildrop);
    expect(ann).toMatch(/^[0-9a-f]{64}$/);
    expect([again, ann === bob]).toEqual([ann, false]);
    expect(places.asked[0]?.signal.aborted).toBe(false);
  });

  test("is the same in each pool, except for a maildrop without a user", async () => {
    await using server = await serve(["ann"]);
    const places = new SharedPlaces();
    const nameless = { ...account(server), auth: { mechanism: "EXTERNAL" } } as const;
    for (let pools = 0; pools < 2; pools++) {
      await using pool = new Pop3Pool({ places });
      await pool.use(account(server), nothing);
      await pool.use({ ...nameless, auth: { ...nameless.auth } }, nothing).catch(nothing);
    }
    const names = places.asked.map(({ maildrop }) => maildrop);
    expect(names[0]).toBe(names[2]);
    expect(new Set(names).size).toBe(3);
    expect(places.taken).toBe(0);
  });

  test("is released after the session has ended, with how long it took", async () => {
    await using server = await serve(["ann"]);
    const places = new SharedPlaces();
    await using pool = new Pop3Pool({ places });
    await pool.use(account(server), () => {
      expect(places.taken).toBe(1);
      vi.advanceTimersByTime(5000);
    });
    expect(places.outcomes).toEqual([{ ms: 5000 }]);
    expect(said(server).at(-1)).toBe("C: QUIT");
  });

  test("is not yet taken while it is waited for", async () => {
    await using server = await serve(["ann"]);
    const places = new SharedPlaces();
    const patient: HostPlaces = {
      async take(request) {
        const place = await places.take(request);
        vi.advanceTimersByTime(3000);
        return place;
      },
    };
    await using pool = new Pop3Pool({ places: patient });
    await pool.use(account(server), nothing);
    expect(places.outcomes).toEqual([{ ms: 0 }]);
  });

  test("is released if the work fails, or has ended the session itself", async () => {
    await using server = await serve(["ann"]);
    const places = new SharedPlaces();
    await using pool = new Pop3Pool({ places });
    await pool.use(account(server), () => Promise.reject(new Error("no"))).catch(nothing);
    await pool.use(account(server), (client) => client.quit());
    await pool.use(account(server), (client) => client.close());
    expect(places.codes).toEqual(["no", undefined, undefined]);
    expect(places.taken).toBe(0);
  });

  test.each([
    ["the greeting", { on: "greeting", nth: each, reset: 0 }, "POP3_RESET"],
    ["the login", { on: "PASS", nth: each, reply: "-ERR no\r\n" }, "POP3_AUTH_REJECTED"],
  ])("is released if %s fails", async (_name, fault, code) => {
    await using server = await serve(["ann"], { faults: [fault] });
    const places = new SharedPlaces();
    await using pool = new Pop3Pool({ places });
    const ann = account(server, "ann", { auth: { user: "ann", pass: "secret", mechanism: "USER" } });
    expect(await codeOf(pool.use(ann, nothing))).toBe(code);
    expect(places.codes).toEqual([code]);
  });

  test("is taken and released for each try", async () => {
    await using server = await serve(["ann"], { faults: [{ on: "greeting", reset: 0 }] });
    vi.spyOn(Math, "random").mockReturnValue(1);
    const places = new SharedPlaces();
    await using pool = new Pop3Pool({ places, retryFor: 60_000 });
    await timePasses(pool.use(account(server), nothing));
    expect(places.codes).toEqual(["POP3_RESET", undefined]);
    expect(pool.statistics.retried).toBe(1);
  });

  test("stays with a session that is kept for reuse, until it has ended", async () => {
    await using server = await serve(["ann"]);
    const places = new SharedPlaces();
    await using pool = new Pop3Pool({ places, idleTimeout: 60_000 });
    await pool.use(account(server), nothing);
    await pool.use(account(server), nothing);
    expect([places.asked.length, places.taken, pool.statistics.reused]).toEqual([1, 1, 1]);
    vi.advanceTimersByTime(60_000);
    await until(() => pool.statistics.idle === 0);
    expect(places.codes).toEqual([undefined]);
  });

  test("is released if the server ends a session that is kept", async () => {
    await using server = await serve(["ann"], { faults: [{ on: "STAT", close: Infinity }] });
    const places = new SharedPlaces();
    await using pool = new Pop3Pool({ places, idleTimeout: 60_000 });
    await pool.use(account(server), (client) => client.stat());
    await until(() => pool.statistics.idle === 0);
    expect([places.taken, places.outcomes.length]).toEqual([0, 1]);
    await pool.use(account(server), nothing);
    expect(places.asked).toHaveLength(2);
  });

  test("is released if another account needs the place in the pool", async () => {
    await using server = await serve(["ann", "bob"]);
    const places = new SharedPlaces();
    await using pool = new Pop3Pool({ places, idleTimeout: 60_000, maxPerHost: 1 });
    await pool.use(account(server), nothing);
    await pool.use(account(server, "bob"), nothing);
    expect([places.most, places.outcomes.length]).toEqual([1, 1]);
  });

  test("is released before the next call of the same host asks for one", async () => {
    await using server = await serve(["ann", "bob"]);
    const places = new SharedPlaces();
    await using pool = new Pop3Pool({ places, maxPerHost: 1 });
    await Promise.all(["ann", "bob", "ann"].map((user) => pool.use(account(server, user), nothing)));
    expect([places.most, places.outcomes.length]).toEqual([1, 3]);
  });
});

test("the name of a maildrop is the same in each process, except if it has no user", async () => {
  await using server = await serve(["ann"]);
  const places = new SharedPlaces();
  await using pool = new Pop3Pool({ places });
  const nameless = { ...account(server), auth: { mechanism: "EXTERNAL" } } as const;
  for (const each of [account(server), nameless]) await pool.use(each, nothing).catch(nothing);
  const digests = [account(server), nameless].map((each) =>
    createHash("sha256").update(new Account(each).maildrop).digest("hex"),
  );
  const names = places.asked.map(({ maildrop }) => maildrop);
  expect(names[0]).toBe(digests[0]);
  expect(names[1]).toMatch(/^[0-9a-f]{64}$/);
  expect(names[1]).not.toBe(digests[1]);
});

describe("a place is released when a call is aborted", () => {
  test("while it is being taken: it comes later", async () => {
    await using server = await serve(["ann"]);
    const places = new SharedPlaces();
    const late = gate();
    const slow: HostPlaces = { take: (request) => late.passed.then(() => places.take(request)) };
    await using pool = new Pop3Pool({ places: slow });
    const controller = new AbortController();
    const call = codeOf(pool.use(account(server), nothing, { signal: controller.signal }));
    await turns();
    controller.abort();
    expect(await call).toBe("POP3_ABORTED");
    late.open();
    await turns();
    expect(places.codes).toEqual(["POP3_ABORTED"]);
    expect(places.asked[0]?.signal.aborted).toBe(true);
    expect(server.connections).toBe(0);
  });

  test("while it connects, and while it works", async () => {
    await using server = await serve(["ann", "bob"], { faults: [{ on: "greeting", stall: 0 }] });
    const places = new SharedPlaces();
    await using pool = new Pop3Pool({ places });
    for (const user of ["ann", "bob"]) {
      const controller = new AbortController();
      const call = codeOf(pool.use(account(server, user), () => new Promise(nothing), controller));
      await until(() => (user === "ann" ? server.sessions === 1 : pool.statistics.inUse === 1));
      controller.abort();
      expect(await call).toBe("POP3_ABORTED");
      await until(() => places.taken === 0);
    }
    expect(places.codes).toEqual(["POP3_ABORTED", "POP3_ABORTED"]);
  });

  test("while it waits for an idle session to answer", async () => {
    await using server = await serve(["ann"], { faults: [{ on: "NOOP", stall: 0 }] });
    const places = new SharedPlaces();
    await using pool = new Pop3Pool({ places, idleTimeout: 60_000 });
    await pool.use(account(server), nothing);
    const controller = new AbortController();
    const call = codeOf(pool.use(account(server), nothing, controller));
    await until(() => said(server).includes("C: NOOP"));
    controller.abort();
    expect(await call).toBe("POP3_ABORTED");
    expect(places.codes).toEqual(["POP3_ABORTED"]);
  });
});

describe("when the pool is closed", () => {
  test("places of calls that wait, work and are kept are released, and close() waits for that", async () => {
    await using server = await serve(["ann", "bob", "eve"]);
    const places = new SharedPlaces();
    const releasing = gate();
    const [never, late] = [gate(), gate()];
    const slow: HostPlaces = {
      take: async (request) => {
        if (places.asked.length === 2) await late.passed;
        const place = await places.take(request);
        if (!("release" in place)) return place;
        return { release: (outcome) => releasing.passed.then(() => place.release(outcome)) };
      },
    };
    const pool = new Pop3Pool({ places: slow, idleTimeout: 60_000 });
    await pool.use(account(server, "ann"), nothing);
    const works = pool.use(account(server, "bob"), () => never.passed);
    await until(() => pool.statistics.inUse === 1);
    const waits = codeOf(pool.use(account(server, "eve"), nothing));
    await turns();
    let isClosed = false;
    const closing = pool.close().then(() => (isClosed = true));
    expect(await waits).toBe("POP3_POOL_CLOSED");
    late.open();
    never.open();
    await works;
    await turns();
    expect([isClosed, places.taken]).toEqual([false, 3]);
    releasing.open();
    await closing;
    await turns();
    expect(places.codes.sort()).toEqual(["POP3_POOL_CLOSED", undefined, undefined]);
    expect(places.taken).toBe(0);
  });
});

describe("a host that is full", () => {
  test("rejects with POP3_HOST_BUSY, and nothing is sent", async () => {
    await using server = await serve(["ann"]);
    const places = new SharedPlaces();
    places.comeAt = Date.now() + 90_000;
    await using pool = new Pop3Pool({ places });
    const error = await failureOf(pool.use(account(server), nothing));
    expect(error).toMatchObject({
      code: "POP3_HOST_BUSY",
      name: "Pop3HostBusyError",
      comeAt: places.comeAt,
      message: "no session with 127.0.0.1 is allowed now: it is full",
    });
    expect(isTemporary(error)).toBe(true);
    if (!Pop3Error.is(error) || error.code !== "POP3_HOST_BUSY") throw new Error("not typed");
    expect(error.retryAfterMs).toBeGreaterThan(80_000);
    expect(error.retryAfterMs).toBeLessThanOrEqual(90_000);
    expect(Pop3HostBusyError.is(error.forCommand("STAT"))).toBe(true);
    expect(new Pop3HostBusyError("full", 0).retryAfterMs).toBe(0);
    expect(server.connections).toBe(0);
    expect(places.outcomes).toEqual([]);
    expect(pool.statistics).toMatchObject({ failed: 1, open: 0, waiting: 0 });
  });

  test("is asked again at the time that was reserved, and other hosts continue meanwhile", async () => {
    await using server = await serve(["ann", "bob"]);
    const places = new SharedPlaces();
    vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout", "performance"] });
    places.comeAt = Date.now() + 7000;
    await using pool = new Pop3Pool({ places, maxSessions: 1, retryFor: 10_000 });
    const began = performance.now();
    const call = pool.use(account(server), () => performance.now() - began);
    await until(() => pool.statistics.waiting === 1);
    places.comeAt = undefined;
    await pool.use({ ...account(server, "bob"), host: "localhost" }, nothing);
    expect(await timePasses(call)).toBe(7000);
    expect(places.asked).toHaveLength(3);
    expect(pool.statistics).toMatchObject({ opened: 2, retried: 1 });
  });

  test("fails when the reserved time is later than retryFor", async () => {
    await using server = await serve(["ann"]);
    const places = new SharedPlaces();
    places.comeAt = Date.now() + 70_000;
    await using pool = new Pop3Pool({ places, retryFor: 10_000 });
    expect(await codeOf(pool.use(account(server), nothing))).toBe("POP3_HOST_BUSY");
    expect(places.asked).toHaveLength(1);
  });
});

describe("places that do not work", () => {
  test("if take() rejects, the host counts as busy for about half a minute", async () => {
    await using server = await serve(["ann"]);
    const cause = new Error("ECONNREFUSED redis\u0007");
    await using pool = new Pop3Pool({ places: { take: () => Promise.reject(cause) } });
    const error = await failureOf(pool.use(account(server), nothing));
    expect(error).toMatchObject({
      code: "POP3_HOST_BUSY",
      message: "no session with 127.0.0.1 is allowed now: places.take() failed: ECONNREFUSED redis\\x07",
    });
    if (!Pop3HostBusyError.is(error)) throw new Error("not typed");
    const { retryAfterMs } = error;
    expect(retryAfterMs).toBeGreaterThan(14_000);
    expect(retryAfterMs).toBeLessThanOrEqual(45_000);
    expect(server.connections).toBe(0);
  });

  test.each([
    [0, 15_000],
    [0.25, 22_500],
    [1, 45_000],
  ])("at random, so that not all come back together (chance: %s)", async (chance, retryAfterMs) => {
    await using server = await serve(["ann"]);
    vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout", "performance"] });
    vi.spyOn(Math, "random").mockReturnValue(chance);
    await using pool = new Pop3Pool({ places: { take: () => Promise.reject(new Error("away")) } });
    expect(await failureOf(pool.use(account(server), nothing))).toMatchObject({ retryAfterMs });
  });

  test("what is thrown in place of an error is shown, safe to print", async () => {
    await using server = await serve(["ann"]);
    const places = { take: (): never => throwing("away\u0007") };
    await using pool = new Pop3Pool({ places });
    const error = await failureOf(pool.use(account(server), nothing));
    expect(error).toMatchObject({
      message: "no session with 127.0.0.1 is allowed now: places.take() failed: away\\x07",
      cause: "away\\x07",
    });
  });

  test("an error of this library is passed on", async () => {
    await using server = await serve(["ann"]);
    const error = new Pop3Error("POP3_CONFIG", "no such host in the table of limits");
    await using pool = new Pop3Pool({ places: { take: () => Promise.reject(error) } });
    expect((await failureOf(pool.use(account(server), nothing))).message).toBe(error.message);
  });

  test.each<[string, unknown]>([
    ["nothing", undefined],
    ["a number", 5],
    ["a time that is none", { comeAt: NaN }],
    ["a text", { comeAt: "12:00" }],
  ])("take() that resolves with %s is an error of the program", async (_name, answer) => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool({ places: { take: () => Promise.resolve(answer as never) } });
    expect(await failureOf(pool.use(account(server), nothing))).toMatchObject({
      code: "POP3_CONFIG",
      message: `places.take() must resolve with { release } or { comeAt }, a time in milliseconds (got ${shown(answer)})`,
    });
  });

  test.each<[string, () => Promise<void> | void]>([
    ["rejects", () => Promise.reject(new Error("redis is gone"))],
    [
      "throws",
      () => {
        throw new Error("redis is gone");
      },
    ],
  ])("release() that %s changes nothing", async (_name, release) => {
    await using server = await serve(["ann"]);
    const pool = new Pop3Pool({ places: { take: () => Promise.resolve({ release }) } });
    expect(await pool.use(account(server), () => "done")).toBe("done");
    await pool.close();
  });

  test.each([5, {}, null, "redis", { take: 5 }])("%o is refused as an option", (places) => {
    expect(() => new Pop3Pool({ places: places as never })).toThrow(
      /pool\.places must be an object with a method take/,
    );
  });
});
