// A closed pool opens no session, waits for those in use, and ends the others with QUIT.
import { describe, expect, test, vi } from "vitest";
import { Pop3Pool, type Pop3Client } from "../../src/index.ts";
import { said } from "../support/ann.ts";
import { stopClocks, timePasses } from "../support/clock.ts";
import { codeOf, failureOf } from "../support/outcome.ts";
import { guardEachTest } from "../support/sentry.ts";
import { turns, until } from "../support/turns.ts";
import { account, gate, left, serve } from "./accounts.ts";

guardEachTest();
stopClocks();

const nothing = (): void => undefined;

/** Whether a promise has settled by now. */
async function over(promise: Promise<unknown>): Promise<boolean> {
  return Promise.race([promise.then(() => true), turns().then(() => false)]);
}

describe("close()", () => {
  test("resolves for an unused pool, also a second time", async () => {
    const pool = new Pop3Pool();
    expect(pool.close()).toBe(pool.close());
    await pool.close();
    await pool[Symbol.asyncDispose]();
  });

  test("rejects later calls", async () => {
    await using server = await serve(["ann"]);
    const pool = new Pop3Pool();
    await pool.close();
    const error = await failureOf(pool.use(account(server), nothing));
    expect(error).toMatchObject({ name: "Pop3Error", code: "POP3_POOL_CLOSED" });
    expect(server.connections).toBe(0);
  });

  test("is called at the end of an await using block", async () => {
    await using server = await serve(["ann"]);
    {
      await using pool = new Pop3Pool({ idleTimeout: 60_000 });
      await pool.use(account(server), nothing);
    }
    expect(said(server).at(-1)).toBe("C: QUIT");
    expect(server.sessions).toBe(0);
  });

  test("rejects waiting calls, and waits for the work that runs", async () => {
    await using server = await serve(["ann", "bob"]);
    const pool = new Pop3Pool({ maxSessions: 1 });
    const busy = gate();
    const work = async (client: Pop3Client): Promise<string> => {
      await busy.passed;
      await client.dele(1);
      return "done";
    };
    const call = pool.use(account(server), work);
    const waiting = [account(server), account(server, "bob")].map((each) => codeOf(pool.use(each, nothing)));
    await until(() => pool.statistics.inUse === 1);
    const closing = pool.close();
    expect(await Promise.all(waiting)).toEqual(["POP3_POOL_CLOSED", "POP3_POOL_CLOSED"]);
    expect(await over(closing)).toBe(false);
    busy.open();
    expect(await call).toBe("done");
    await closing;
    expect(left(server)).toBe("23");
    expect(pool.statistics).toMatchObject({ open: 0, waiting: 0, failed: 0 });
  });

  test.each(["greeting", "CAPA", "AUTH"])("rejects a call that connects, and waits for %s", async (on) => {
    await using server = await serve(["ann"], { faults: [{ on, stall: 0 }] });
    const pool = new Pop3Pool({ retryFor: 60_000 });
    const ann = account(server, "ann", { auth: { user: "ann", pass: "secret", mechanism: "PLAIN" } });
    const call = codeOf(pool.use(ann, nothing));
    await until(() => server.connections === 1 && pool.statistics.connecting === 1);
    await turns();
    await pool.close();
    expect(await call).toBe("POP3_POOL_CLOSED");
    await server.idle();
    expect(pool.statistics).toMatchObject({ open: 0, failed: 0, retried: 0 });
  });

  test("rejects a call that waits for the next attempt, or for a slot for it", async () => {
    await using server = await serve(["ann", "bob", "joe"], {
      faults: [1, 2].map((nth) => ({ on: "greeting", nth, reply: "-ERR [IN-USE] busy\r\n" })),
    });
    const pool = new Pop3Pool({ maxSessions: 1, retryFor: 60_000 });
    const busy = gate();
    const calls = ["ann", "bob"].map((user) => codeOf(pool.use(account(server, user), nothing)));
    const work = pool.use(account(server, "joe"), () => busy.passed);
    await until(() => pool.statistics.inUse === 1 && pool.statistics.waiting === 2);
    vi.spyOn(Math, "random").mockReturnValue(1);
    vi.advanceTimersToNextTimer();
    await turns();
    const closing = pool.close();
    expect(await Promise.all(calls)).toEqual(["POP3_POOL_CLOSED", "POP3_POOL_CLOSED"]);
    expect(vi.getTimerCount()).toBe(0);
    busy.open();
    await Promise.all([work, closing]);
    expect(server.connections).toBe(3);
  });

  test("rejects a call that checks a kept session with NOOP", async () => {
    await using server = await serve(["ann"], { faults: [{ on: "NOOP", stall: 0 }] });
    const pool = new Pop3Pool({ idleTimeout: 60_000 });
    await pool.use(account(server), nothing);
    const call = codeOf(pool.use(account(server), nothing));
    await until(() => said(server).includes("C: NOOP"));
    await pool.close();
    expect(await call).toBe("POP3_POOL_CLOSED");
    expect(pool.statistics.open).toBe(0);
  });

  test("rejects a call whose session failed the check, and waits for the end of that session", async () => {
    await using server = await serve(["ann"], {
      faults: [
        { on: "NOOP", reply: "-ERR no\r\n" },
        { on: "QUIT", stall: 0, reply: "" },
      ],
    });
    const pool = new Pop3Pool({ idleTimeout: 60_000 });
    const ann = account(server, "ann", { timeouts: { quit: 300 } });
    await pool.use(ann, nothing);
    const call = codeOf(pool.use(ann, nothing));
    await until(() => said(server).includes("C: QUIT"));
    const closing = pool.close();
    expect(await call).toBe("POP3_POOL_CLOSED");
    expect(pool.statistics.open).toBe(1);
    await timePasses(closing);
    expect(pool.statistics.open).toBe(0);
    expect(server.connections).toBe(1);
  });

  test("ends kept sessions with QUIT, and stops all timers", async () => {
    await using server = await serve(["ann", "bob"]);
    const pool = new Pop3Pool({ idleTimeout: 60_000 });
    await Promise.all(["ann", "bob"].map((user) => pool.use(account(server, user), nothing)));
    expect(pool.statistics).toMatchObject({ idle: 2, open: 2 });
    await pool.close();
    expect(server.sessions).toBe(0);
    expect(said(server).filter((line) => line === "C: QUIT")).toHaveLength(2);
    expect(pool.statistics.open).toBe(0);
    await turns();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("commits the session of work that runs, and does not keep it", async () => {
    await using server = await serve(["ann"]);
    const pool = new Pop3Pool({ idleTimeout: 60_000 });
    let closing: Promise<void> | undefined;
    await pool.use(account(server), () => {
      closing = pool.close();
    });
    await closing;
    expect(said(server).at(-1)).toBe("C: QUIT");
    expect(pool.statistics).toMatchObject({ open: 0, idle: 0 });
  });

  test("waits for commits and roll backs", async () => {
    await using server = await serve(["ann", "bob"], {
      faults: [
        { on: "QUIT", carriedOut: true, reply: "", stall: 0 },
        { on: "RSET", stall: 0 },
      ],
    });
    const pool = new Pop3Pool();
    const timeouts = { quit: 100 };
    const committed = codeOf(pool.use(account(server, "ann", { timeouts }), (client) => client.dele(1)));
    await until(() => said(server).includes("C: QUIT"));
    const controller = new AbortController();
    const aborted = codeOf(
      pool.use(
        account(server, "bob", { timeouts }),
        async (client) => {
          await client.dele(1);
          controller.abort();
          await new Promise(nothing);
        },
        { signal: controller.signal },
      ),
    );
    expect(await aborted).toBe("POP3_ABORTED");
    expect(pool.statistics.inUse).toBeGreaterThan(0);
    await timePasses(pool.close());
    expect(await committed).toBe("POP3_COMMIT_UNKNOWN");
    expect(pool.statistics.open).toBe(0);
    await server.idle();
    expect(left(server, "bob")).toBe("123");
  });

  test("drops a kept session that does not answer QUIT", async () => {
    await using server = await serve(["ann"], { faults: [{ on: "QUIT", stall: 0 }] });
    const pool = new Pop3Pool({ idleTimeout: 60_000 });
    await pool.use(account(server, "ann", { timeouts: { quit: 50 } }), nothing);
    await timePasses(pool.close());
    await server.idle();
  });
});
