// A session without marks can be used again by the same account: for a limited time, after a check with
// NOOP, and only if no other call needs its slot.
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Pop3Pool, type Pop3Client, type Pop3ClientOptions } from "../../src/index.ts";
import type { Fault } from "../../src/testing/index.ts";
import { said } from "../support/ann.ts";
import { guardEachTest } from "../support/sentry.ts";
import { turns, until } from "../support/turns.ts";
import { account, left, serve } from "./accounts.ts";

guardEachTest();
afterEach(() => vi.useRealTimers());

const nothing = (): void => undefined;
const kept = { idleTimeout: 60_000 };

/** Milliseconds go by as the test says. */
function stopClock(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
}

describe("a session is reused", () => {
  test("for the same account, after NOOP", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool(kept);
    await pool.use(account(server), (client) => client.stat());
    expect(pool.statistics).toMatchObject({ idle: 1, inUse: 0, open: 1, opened: 1 });
    const before = said(server).length;
    const count = await pool.use(structuredCloneOf(account(server)), (client) => client.stat());
    expect(count).toEqual({ count: 3, size: 9 });
    expect(said(server).slice(before)).toEqual(["C: NOOP", "C: STAT"]);
    expect(pool.statistics).toMatchObject({ idle: 1, opened: 1, reused: 1 });
    await pool.close();
    expect(said(server).at(-1)).toBe("C: QUIT");
    expect(server.connections).toBe(1);
  });

  test("if RSET took back all marks", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool(kept);
    await pool.use(account(server), async (client) => {
      await client.dele([1, 2]);
      await client.rset();
    });
    await pool.use(account(server), (client) => client.dele(3));
    expect(server.connections).toBe(1);
    expect(left(server)).toBe("12");
  });

  test("on a stream that the caller's function connects", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool(kept);
    const socket = (): ReturnType<typeof connect> => connect(server.port, "127.0.0.1");
    const ann = { host: "mail.test", secure: false, stls: "never", socket } as const;
    const auth = { user: "ann", pass: "secret" };
    for (let at = 0; at < 3; at++) await pool.use({ ...ann, auth }, nothing);
    expect(server.connections).toBe(1);
  });

  test("without the listeners of the first work", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool(kept);
    let closings = 0;
    await pool.use(account(server), (client) => client.on("close", () => closings++));
    await pool.use(account(server), (client) => {
      expect(client.listenerCount("close")).toBe(0);
      client.on("close", () => closings++);
    });
    await pool.close();
    expect(closings).toBe(0);
  });

  test("with the messages of its start; a new session shows new mail", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool(kept);
    const count = async (client: Pop3Client): Promise<number> => (await client.stat()).count;
    expect(await pool.use(account(server), count)).toBe(3);
    server.maildrop("ann").add("4\r\n");
    expect(await pool.use(account(server), count)).toBe(3);
    expect(await pool.use(account(server), count, { fresh: true })).toBe(4);
    expect(await pool.use(account(server), count)).toBe(4);
    expect(server.connections).toBe(2);
  });
});

describe("a session is not reused", () => {
  test("by default", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool();
    await pool.use(account(server), nothing);
    expect(said(server).at(-1)).toBe("C: QUIT");
    await pool.use(account(server), nothing);
    expect(server.connections).toBe(2);
  });

  test("if messages are marked: it is committed", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool(kept);
    await pool.use(account(server), (client) => client.dele(1));
    expect(said(server).at(-1)).toBe("C: QUIT");
    expect(pool.statistics.open).toBe(0);
    expect(left(server)).toBe("23");
  });

  test("on a stream that the caller connected", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool(kept);
    const socket = connect(server.port, "127.0.0.1");
    await once(socket, "connect");
    await pool.use({ ...account(server), socket }, nothing);
    expect(pool.statistics.open).toBe(0);
    await expect(pool.use({ ...account(server), socket }, nothing)).rejects.toMatchObject({
      code: "POP3_CONNECT",
    });
  });

  test("if the work failed", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool(kept);
    await expect(pool.use(account(server), () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(pool.statistics.open).toBe(0);
  });

  test("if the work did not await a DELE: that is not committed", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool(kept);
    let deleting: Promise<void> | undefined;
    await pool.use(account(server), (client) => {
      deleting = client.dele(1);
    });
    expect(pool.statistics.idle).toBe(1);
    await pool.use(account(server), (client) => client.dele(2));
    await deleting;
    expect(left(server)).toBe("13");
    expect(server.connections).toBe(2);
    expect(pool.statistics).toMatchObject({ reused: 0 });
  });

  test.each<[string, Partial<Pop3ClientOptions>]>([
    ["password", { auth: { user: "ann", pass: "wrong" } }],
    ["mechanism", { auth: { user: "ann", pass: "secret", mechanism: "PLAIN" } }],
    ["TLS", { stls: "required" }],
    ["limit", { limits: { message: 1 } }],
  ])("with another %s: it ends with QUIT before the new one starts", async (_, more) => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool(kept);
    await pool.use(account(server), nothing);
    await pool.use(account(server, "ann", more), nothing).catch(nothing);
    expect(server.connections).toBe(2);
    expect(said(server).filter((line) => line === "C: NOOP")).toEqual([]);
    expect(server.transcript.lines.filter((line) => line.includes("IN-USE"))).toEqual([]);
    expect(said(server).filter((line) => line === "C: QUIT").length).toBeGreaterThan(0);
  });

  test("with a password that was changed in the same object", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool(kept);
    const auth = { user: "ann", pass: "secret" };
    const ann = account(server, "ann", { auth });
    await pool.use(ann, nothing);
    auth.pass = "wrong";
    await expect(pool.use(ann, nothing)).rejects.toMatchObject({ code: "POP3_AUTH_REJECTED" });
  });

  test("if NOOP is refused: it ends with QUIT before the new one starts", async () => {
    await using server = await serve(["ann"], { faults: [{ on: "NOOP", reply: "-ERR no\r\n" }] });
    await using pool = new Pop3Pool(kept);
    await pool.use(account(server), nothing);
    expect(await pool.use(account(server), () => server.sessions)).toBe(1);
    expect(said(server)).toContain("C: QUIT");
    expect(server.connections).toBe(2);
  });

  test.each<[string, Fault]>([
    ["NOOP meets a closed connection", { on: "NOOP", close: 0 }],
    ["NOOP meets a connection that is reset", { on: "NOOP", reset: 0 }],
    ["the answer to NOOP is invalid", { on: "NOOP", reply: "what?\r\n" }],
  ])("if %s: a new one is opened, and the call succeeds", async (_, fault) => {
    await using server = await serve(["ann"], { lock: false, faults: [fault] });
    await using pool = new Pop3Pool(kept);
    await pool.use(account(server), nothing);
    expect(await pool.use(account(server), (client) => client.stat())).toEqual({ count: 3, size: 9 });
    expect(pool.statistics).toMatchObject({ opened: 2, reused: 0, failed: 0, idle: 1 });
    await pool.use(account(server), nothing);
    expect(server.connections).toBe(2);
  });

  test("if NOOP is not answered within 5 seconds", async () => {
    stopClock();
    await using server = await serve(["ann"], { lock: false, faults: [{ on: "NOOP", stall: 0 }] });
    await using pool = new Pop3Pool(kept);
    await pool.use(account(server), nothing);
    const call = pool.use(account(server), () => 7);
    await until(() => said(server).includes("C: NOOP"));
    expect(pool.statistics).toMatchObject({ connecting: 1, idle: 0 });
    await turns();
    vi.advanceTimersByTime(4999);
    await turns();
    expect(server.connections).toBe(1);
    vi.advanceTimersByTime(1);
    expect(await call).toBe(7);
    expect(server.connections).toBe(2);
  });

  test("if its work has left a message half read", async () => {
    stopClock();
    await using server = await serve(["ann"], { lock: false });
    server.maildrop("ann").add(Buffer.alloc(9_000_000, "a\r\n"));
    await using pool = new Pop3Pool(kept);
    await pool.use(account(server), async (client) => {
      const stream = client.retrStream(4);
      stream.on("error", nothing);
      await once(stream, "readable");
    });
    const call = pool.use(account(server), () => 7);
    await until(() => pool.statistics.connecting === 1);
    await turns();
    vi.advanceTimersByTime(5000);
    expect(await call).toBe(7);
  });

  test("if the server has ended it", async () => {
    await using server = await serve(["ann"], { faults: [{ on: "STAT", close: Infinity }] });
    await using pool = new Pop3Pool(kept);
    await pool.use(account(server), (client) => client.stat());
    await until(() => pool.statistics.idle === 0);
    expect(await pool.use(account(server), (client) => client.stat())).toEqual({ count: 3, size: 9 });
    expect(said(server)).not.toContain("C: NOOP");
  });
});

describe("a session is kept", () => {
  test("for idleTimeout after its last use, then it ends with QUIT", async () => {
    stopClock();
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool(kept);
    await pool.use(account(server), nothing);
    vi.advanceTimersByTime(59_999);
    await pool.use(account(server), nothing);
    vi.advanceTimersByTime(59_999);
    await turns();
    expect(pool.statistics.idle).toBe(1);
    expect(server.sessions).toBe(1);
    vi.advanceTimersByTime(1);
    await server.idle();
    await until(() => pool.statistics.idle === 0);
    // No RSET, as at the end of a use: it would undo what some servers do after RETR.
    expect(said(server).slice(-2)).toEqual(["C: NOOP", "C: QUIT"]);
    expect(server.connections).toBe(1);
  });

  test("without a timer if idleTimeout is Infinity", async () => {
    stopClock();
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool({ idleTimeout: Infinity });
    await pool.use(account(server), nothing);
    await turns();
    expect(pool.statistics.idle).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("for longer than a timer can count", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool({ idleTimeout: 2 ** 40 });
    await pool.use(account(server), nothing);
    await turns();
    expect(pool.statistics.idle).toBe(1);
  });

  test("until close() after a DELE that was not awaited, and is not committed", async () => {
    await using server = await serve(["ann"]);
    const pool = new Pop3Pool(kept);
    let deleting: Promise<void> | undefined;
    await pool.use(account(server), (client) => {
      deleting = client.dele(1);
    });
    await deleting;
    await pool.close();
    expect(said(server).slice(-2)).toEqual(["C: RSET", "C: QUIT"]);
    expect(left(server)).toBe("123");
  });

  test("until close() with a message half read, and is dropped", async () => {
    await using server = await serve(["ann"]);
    server.maildrop("ann").add(Buffer.alloc(9_000_000, "a\r\n"));
    const pool = new Pop3Pool(kept);
    vi.spyOn(AbortSignal, "timeout").mockReturnValue(AbortSignal.abort());
    await pool.use(account(server), async (client) => {
      const stream = client.retrStream(4);
      stream.on("error", nothing);
      await once(stream, "readable");
    });
    stopClock();
    const closing = pool.close();
    await turns();
    // The longest that taking back the marks may last.
    vi.advanceTimersByTime(5000);
    await closing;
    await server.idle();
    expect(said(server)).not.toContain("C: QUIT");
  });

  test("by a timer that keeps no process alive", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool({ idleTimeout: 54_321 });
    const clocks = vi.spyOn(globalThis, "setTimeout");
    await pool.use(account(server), nothing);
    const at = clocks.mock.calls.findIndex(([, milliseconds]) => milliseconds === 54_321);
    expect((clocks.mock.results[at]?.value as NodeJS.Timeout).hasRef()).toBe(false);
  });

  test("until its QUIT has ended: a new call for the maildrop waits for that", async () => {
    stopClock();
    await using server = await serve(["ann"], { faults: [{ on: "QUIT", stall: 0, reply: "" }] });
    await using pool = new Pop3Pool(kept);
    const ann = account(server, "ann", { timeouts: { quit: 200 } });
    await pool.use(ann, nothing);
    vi.advanceTimersByTime(60_000);
    await until(() => said(server).includes("C: QUIT"));
    const call = pool.use(ann, () => server.sessions);
    await turns();
    expect(server.connections).toBe(1);
    expect(pool.statistics).toMatchObject({ idle: 1, open: 1 });
    vi.advanceTimersByTime(201);
    expect(await call).toBe(1);
    expect(server.connections).toBe(2);
  });
});

describe("a kept session is ended", () => {
  const users = ["ann", "bob", "joe", "sue"];

  test("for another maildrop of its host, the longest idle first", async () => {
    await using server = await serve(users);
    await using other = await serve(users);
    await using pool = new Pop3Pool({ ...kept, maxPerHost: 2 });
    await pool.use({ ...account(other, "sue"), host: "localhost" }, nothing);
    for (const user of ["ann", "bob", "ann"]) await pool.use(account(server, user), nothing);
    expect(await pool.use(account(server, "joe"), () => server.sessions)).toBe(2);
    expect(said(server).filter((line) => line === "C: QUIT")).toHaveLength(1);
    expect(pool.statistics).toMatchObject({ idle: 3, opened: 4, reused: 1 });
    // It was bob's.
    await pool.use(account(server, "ann"), nothing);
    expect(pool.statistics).toMatchObject({ idle: 3, opened: 4, reused: 2 });
    expect(other.sessions).toBe(1);
  });

  test("for a maildrop of another host if maxSessions is reached", async () => {
    await using server = await serve(users);
    await using other = await serve(users);
    await using pool = new Pop3Pool({ ...kept, maxSessions: 2 });
    const elsewhere = { ...account(other, "sue"), host: "localhost" };
    await pool.use(elsewhere, nothing);
    await pool.use(account(server, "ann"), nothing);
    await pool.use(account(server, "bob"), () => {
      expect([server.sessions, other.sessions]).toEqual([2, 0]);
    });
    expect(pool.statistics).toMatchObject({ idle: 2, open: 2 });
  });

  test("only once if that frees a slot both on the host and in all", async () => {
    await using server = await serve(users);
    await using other = await serve(users);
    await using pool = new Pop3Pool({ ...kept, maxPerHost: 1, maxSessions: 2 });
    await pool.use({ ...account(other, "sue"), host: "localhost" }, nothing);
    await pool.use(account(server, "ann"), nothing);
    await pool.use(account(server, "bob"), nothing);
    expect([server.sessions, other.sessions]).toEqual([1, 1]);
  });

  test("as often as needed for several calls at once", async () => {
    await using server = await serve(users);
    await using pool = new Pop3Pool({ ...kept, maxSessions: 3 });
    const most: number[] = [];
    const work = async (client: Pop3Client): Promise<void> => {
      most.push(server.sessions);
      await client.stat();
    };
    for (let round = 0; round < 20; round++)
      await Promise.all(users.map((user) => pool.use(account(server, user), work)));
    expect(Math.max(...most)).toBe(3);
    expect(pool.statistics.open).toBe(3);
  });
});

/** The same options in objects of their own, but for those that have to be the same. */
function structuredCloneOf({ tls, ...options }: Pop3ClientOptions): Pop3ClientOptions {
  return { ...structuredClone(options), ...(tls && { tls }) };
}
