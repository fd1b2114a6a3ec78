// Opening a session is retried after temporary errors, as long as the caller's time allows. Work is not
// retried, nor a login with a wrong password.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Pop3Client, Pop3Error, Pop3Pool, type Pop3ClientOptions } from "../../src/index.ts";
import type { Fault, Pop3Server } from "../../src/testing/index.ts";
import { duplexPair } from "../support/duplex-pair.ts";
import { codeOf, failureOf } from "../support/outcome.ts";
import { guardEachTest } from "../support/sentry.ts";
import { turns, until } from "../support/turns.ts";
import { account, gate, serve } from "./accounts.ts";

guardEachTest();

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
  vi.spyOn(Math, "random").mockReturnValue(0.5);
});
afterEach(() => vi.useRealTimers());

const TEMPORARY = "-ERR [SYS/TEMP] not now\r\n";
const state = ({ state }: Pop3Client): string => state;

/** Waits until the pool waits, and checks that it continues after `milliseconds`, and not before. */
async function goesOnAfter(milliseconds: number, pool: Pop3Pool, server: Pop3Server): Promise<void> {
  await until(() => pool.statistics.waiting === 1);
  const { connections } = server;
  vi.advanceTimersByTime(milliseconds - 1);
  await turns();
  expect(server.connections).toBe(connections);
  vi.advanceTimersByTime(1);
  await until(() => server.connections > connections);
}

describe("opening a session is retried", () => {
  test("while the maildrop is in use", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool({ retryFor: 3_600_000 });
    const other = await Pop3Client.connect(account(server));
    const call = pool.use(account(server), state);
    await goesOnAfter(7500, pool, server);
    await goesOnAfter(15_000, pool, server);
    await until(() => pool.statistics.waiting === 1);
    await other.quit();
    await goesOnAfter(30_000, pool, server);
    expect(await call).toBe("transaction");
    expect(pool.statistics).toMatchObject({ opened: 1, retried: 3, failed: 0, open: 0, waiting: 0 });
  });

  test("after a login that was too recent, when the listed delay has passed", async () => {
    await using server = await serve(["ann"], { loginDelay: 100 });
    await using pool = new Pop3Pool({ retryFor: 3_600_000 });
    await pool.use(account(server), state);
    const call = pool.use(account(server), state);
    await goesOnAfter(105_000, pool, server);
    expect(await call).toBe("transaction");
  });

  test.each<[string, Fault]>([
    ["the greeting refuses", { on: "greeting", reply: TEMPORARY }],
    ["the greeting refuses without giving a reason", { on: "greeting", reply: "-ERR\r\n" }],
    [
      "the greeting refuses because of a connection limit",
      { on: "greeting", reply: "-ERR connection limit\r\n" },
    ],
    ["the server reports an error", { on: "AUTH", reply: "-ERR Server error: no store\r\n" }],
    ["the login is refused", { on: "AUTH", reply: TEMPORARY }],
    ["UTF8 is refused", { on: "UTF8", reply: TEMPORARY }],
  ])("if %s for now", async (_, fault) => {
    await using server = await serve(["ann"], { faults: [fault] });
    await using pool = new Pop3Pool({ retryFor: 60_000 });
    const call = pool.use(plain(server), state);
    await goesOnAfter(1000, pool, server);
    expect(await call).toBe("transaction");
  });

  test.each<[string, number, ...Fault[]]>([
    ["is closed", 250, { on: "greeting", close: 0 }],
    ["is reset", 250, { on: "greeting", reset: 0 }],
    ["ends within a reply", 250, { on: "UTF8", close: 5 }],
    [
      "is closed after CAPA, and the next one, too",
      250,
      { on: "CAPA", close: 0 },
      { on: "greeting", nth: 2, close: 0 },
    ],
    [
      "is closed after the login, and the next login is refused",
      1000,
      { on: "CAPA", nth: 2, close: 0 },
      { on: "AUTH", nth: 2, reply: TEMPORARY },
    ],
  ])("if the connection %s", async (_, pause, ...faults) => {
    await using server = await serve(["ann"], { faults });
    await using pool = new Pop3Pool({ retryFor: 60_000 });
    const call = pool.use(plain(server, { pipelining: false }), state);
    await goesOnAfter(pause, pool, server);
    expect(await call).toBe("transaction");
  });

  test.each([1, 2])("without a pause if CAPA number %i ended the session", async (nth) => {
    await using server = await serve(["ann"], { faults: [{ on: "CAPA", nth, close: 5 }] });
    await using pool = new Pop3Pool({ retryFor: 60_000 });
    expect(await pool.use(plain(server, { pipelining: false }), state)).toBe("transaction");
    expect([server.connections, pool.statistics.retried]).toEqual([2, 0]);
  });

  test("if the server stops answering", async () => {
    await using server = await serve(["ann"], {
      faults: [
        { on: "greeting", stall: 0 },
        { on: "AUTH", stall: 0 },
      ],
    });
    await using pool = new Pop3Pool({ retryFor: 600_000 });
    const call = pool.use(plain(server), state);
    for (const pause of [250, 500]) {
      while (pool.statistics.waiting === 0) {
        vi.advanceTimersByTime(1000);
        await turns();
      }
      await goesOnAfter(pause, pool, server);
    }
    expect(await call).toBe("transaction");
  });

  test("if no connection is possible", async () => {
    let tries = 0;
    const pool = new Pop3Pool({ retryFor: 10_000 });
    const socket = (): never => {
      tries++;
      throw new Error("no route");
    };
    const call = codeOf(pool.use({ host: "mail.test", socket }, state));
    for (const [failed, pause] of [250, 500, 1000, 2000, 4000].entries()) {
      await until(() => tries === failed + 1 && pool.statistics.waiting === 1);
      vi.advanceTimersByTime(pause);
    }
    // 7.75 s have passed, and the next pause would be of 8 s.
    expect(await call).toBe("POP3_CONNECT");
    expect(tries).toBe(6);
    expect(pool.statistics).toMatchObject({ failed: 1, retried: 5, opened: 0 });
    await pool.close();
  });
});

describe("a call that waits for its next attempt", () => {
  test("gives its slot to other maildrops of the host, and keeps its own maildrop", async () => {
    await using server = await serve(["ann", "bob"], { faults: [{ on: "greeting", reply: TEMPORARY }] });
    await using pool = new Pop3Pool({ maxPerHost: 1, maxSessions: 1, retryFor: 60_000 });
    const order: string[] = [];
    const calls = [
      pool.use(account(server), () => order.push("ann")),
      pool.use(account(server), () => order.push("ann again")),
      pool.use(account(server, "bob"), () => order.push("bob")),
    ];
    await calls[2];
    expect(order).toEqual(["bob"]);
    expect(pool.statistics).toMatchObject({ waiting: 2, open: 0 });
    await until(() => pool.statistics.waiting === 2);
    vi.advanceTimersByTime(1000);
    await Promise.all(calls);
    expect(order).toEqual(["bob", "ann", "ann again"]);
  });

  test("gets the next free slot before calls that came later", async () => {
    await using server = await serve(["ann", "bob", "joe"], {
      faults: [{ on: "greeting", reply: TEMPORARY }],
    });
    await using pool = new Pop3Pool({ maxPerHost: 1, retryFor: 60_000 });
    const order: string[] = [];
    const busy = gate();
    const calls = [
      pool.use(account(server), () => order.push("ann")),
      pool.use(account(server, "bob"), () => busy.passed),
      pool.use(account(server, "joe"), () => order.push("joe")),
    ];
    await until(() => pool.statistics.inUse === 1);
    vi.advanceTimersByTime(1000);
    await turns();
    expect(pool.statistics).toMatchObject({ inUse: 1, waiting: 2 });
    busy.open();
    await Promise.all(calls);
    expect(order).toEqual(["ann", "joe"]);
  });
});

describe("the time for retries", () => {
  test("is 0 by default", async () => {
    await using server = await serve(["ann"], { faults: [{ on: "greeting", reply: TEMPORARY }] });
    await using pool = new Pop3Pool();
    vi.mocked(Math.random).mockReturnValue(0);
    const error = await failureOf(pool.use(account(server), state));
    expect(error).toMatchObject({ code: "POP3_GREETING_REJECTED", temporary: true });
    expect(server.connections).toBe(1);
  });

  test("ends if the next attempt would start too late", async () => {
    await using server = await serve(["ann"], {
      faults: [{ on: "greeting", nth: "every", reply: TEMPORARY }],
    });
    await using pool = new Pop3Pool();
    const call = codeOf(pool.use(account(server), state, { retryFor: 3001 }));
    await goesOnAfter(1000, pool, server);
    await goesOnAfter(2000, pool, server);
    expect(await call).toBe("POP3_GREETING_REJECTED");
    expect(server.connections).toBe(3);
    expect(await codeOf(pool.use(account(server), state, { retryFor: 1000 }))).toBe("POP3_GREETING_REJECTED");
    expect(server.connections).toBe(4);
  });

  test("is that of the call, or else that of the pool", async () => {
    await using server = await serve(["ann"], { faults: [{ on: "greeting", reply: TEMPORARY }] });
    await using pool = new Pop3Pool({ retryFor: Infinity });
    expect(await codeOf(pool.use(account(server), state, { retryFor: 0 }))).toBe("POP3_GREETING_REJECTED");
  });

  test("starts with the first attempt, not with the call", async () => {
    await using server = await serve(["ann", "bob"]);
    await using pool = new Pop3Pool({ maxPerHost: 1, retryFor: 2000 });
    const busy = gate();
    const first = pool.use(account(server, "bob"), () => busy.passed);
    const call = pool.use(account(server), state);
    await until(() => pool.statistics.inUse === 1);
    vi.advanceTimersByTime(1_000_000);
    server.fault({ on: "greeting", reply: TEMPORARY });
    busy.open();
    await first;
    await goesOnAfter(1000, pool, server);
    expect(await call).toBe("transaction");
  });
});

describe("opening a session is not retried", () => {
  test("with a wrong password", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool({ retryFor: Infinity });
    const wrong = account(server, "ann", { auth: { user: "ann", pass: "wrong" } });
    expect(await codeOf(pool.use(wrong, state))).toBe("POP3_AUTH_REJECTED");
    expect(server.connections).toBe(1);
    expect(pool.statistics).toMatchObject({ failed: 1, retried: 0, open: 0, waiting: 0 });
  });

  test.each<[string, Fault | undefined, Partial<Pop3ClientOptions>]>([
    ["POP3_AUTH_CLOSED", { on: "AUTH", close: 0 }, {}],
    ["POP3_AUTH_REJECTED", { on: "AUTH", reply: "-ERR [SYS/PERM] locked\r\n" }, {}],
    ["POP3_AUTH_REJECTED", { on: "AUTH", reply: "-ERR Your account has been locked\r\n" }, {}],
    ["POP3_GREETING_REJECTED", { on: "greeting", reply: "-ERR [SYS/PERM] go away\r\n" }, {}],
    ["POP3_BAD_GREETING", { on: "greeting", reply: "220 mail.test ESMTP\r\n" }, {}],
    ["POP3_PROTOCOL", { on: "CAPA", reply: "what?\r\n" }, {}],
    ["POP3_UNSOLICITED", { on: "greeting", after: "+OK\r\n" }, {}],
    ["POP3_TLS_REQUIRED", { on: "STLS", reply: "-ERR\r\n" }, { stls: "required" }],
    ["POP3_TLS_CERT", undefined, { stls: "required", tls: {} }],
  ])("after %s, by %j", async (code, fault, more) => {
    await using server = await serve(["ann"], { faults: fault === undefined ? [] : [fault] });
    await using pool = new Pop3Pool({ retryFor: Infinity });
    expect(await codeOf(pool.use(plain(server, more), state))).toBe(code);
    expect(server.connections).toBe(1);
  });

  test("on a stream that the caller connected, which can be used only once", async () => {
    const [ours, theirs] = duplexPair();
    await using pool = new Pop3Pool({ retryFor: Infinity });
    const call = codeOf(pool.use({ host: "mail.test", secure: false, socket: ours }, state));
    theirs.end(TEMPORARY);
    expect(await call).toBe("POP3_GREETING_REJECTED");
    theirs.destroy();
  });

  test("if the work failed", async () => {
    await using server = await serve(["ann"], { faults: [{ on: "STAT", close: 0 }] });
    await using pool = new Pop3Pool({ retryFor: Infinity });
    let times = 0;
    const work = async (client: Pop3Client): Promise<void> => {
      times++;
      await client.stat();
    };
    expect(await codeOf(pool.use(account(server), work))).toBe("POP3_CLOSED");
    const temporary = new Pop3Error("POP3_CONNECT", "elsewhere");
    await expect(
      pool.use(account(server), () => {
        times++;
        throw temporary;
      }),
    ).rejects.toBe(temporary);
    expect([times, server.connections]).toEqual([2, 2]);
  });

  test("if the commit failed", async () => {
    await using server = await serve(["ann"], { faults: [{ on: "QUIT", close: 0 }] });
    await using pool = new Pop3Pool({ retryFor: Infinity });
    expect(await codeOf(pool.use(account(server), (client) => client.dele(1)))).toBe("POP3_COMMIT_UNKNOWN");
    expect(server.connections).toBe(1);
  });
});

/** A login by AUTH PLAIN. */
function plain(server: Pop3Server, more: Partial<Pop3ClientOptions> = {}): Pop3ClientOptions {
  return account(server, "ann", {
    auth: { user: "ann", pass: "secret", mechanism: "PLAIN" },
    utf8: true,
    ...more,
  });
}
