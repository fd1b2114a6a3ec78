// An aborted call settles at once in every phase, commits nothing that it has not sent, and removes its
// listeners.
import { getEventListeners } from "node:events";
import { describe, expect, test, vi } from "vitest";
import { Pop3AbortError, Pop3Pool, type Pop3Client, type UseOptions } from "../../src/index.ts";
import { said } from "../support/ann.ts";
import { stopClocks, timePasses } from "../support/clock.ts";
import { codeOf, failureOf, settledCode } from "../support/outcome.ts";
import { guardEachTest } from "../support/sentry.ts";
import { turns, until } from "../support/turns.ts";
import { account, gate, left, serve } from "./accounts.ts";

guardEachTest();
stopClocks();

const nothing = (): void => undefined;

/** What gives a call up, and what the call takes. */
function giveUp(): { readonly controller: AbortController; readonly options: UseOptions } {
  const controller = new AbortController();
  return { controller, options: { signal: controller.signal, retryFor: 60_000 } };
}

describe("an aborted call rejects with POP3_ABORTED", () => {
  test("before it begins, and does nothing", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool();
    const reason = new Error("enough");
    const error = await failureOf(pool.use(account(server), nothing, { signal: AbortSignal.abort(reason) }));
    expect(error).toBeInstanceOf(Pop3AbortError);
    expect(error).toMatchObject({ name: "AbortError", code: "POP3_ABORTED", cause: reason });
    expect(server.connections).toBe(0);
  });

  test("while it waits, and leaves the queue", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool();
    const busy = gate();
    const { controller, options } = giveUp();
    const calls = [
      pool.use(account(server), () => busy.passed),
      codeOf(pool.use(account(server), nothing, options)),
      pool.use(account(server), nothing),
    ];
    await until(() => pool.statistics.inUse === 1);
    controller.abort();
    expect(await calls[1]).toBe("POP3_ABORTED");
    expect(pool.statistics).toMatchObject({ waiting: 1, failed: 0 });
    busy.open();
    await Promise.all(calls);
    expect(server.connections).toBe(2);
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  });

  test("as its turn comes, and gives the turn to the next call", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool();
    const { controller, options } = giveUp();
    const calls = [
      pool.use(account(server), nothing).then(() => controller.abort()),
      codeOf(pool.use(account(server), nothing, options)),
      pool.use(account(server), () => 7),
    ];
    expect((await Promise.all(calls)).slice(1)).toEqual(["POP3_ABORTED", 7]);
  });

  test.each(["greeting", "CAPA", "AUTH"])("while it connects, and waits for %s", async (on) => {
    await using server = await serve(["ann"], { faults: [{ on, stall: 0 }] });
    await using pool = new Pop3Pool({ maxSessions: 1 });
    const { controller, options } = giveUp();
    const ann = account(server, "ann", { auth: { user: "ann", pass: "secret", mechanism: "PLAIN" } });
    let worked = false;
    const call = codeOf(pool.use(ann, () => (worked = true), options));
    await until(() => server.connections === 1 && pool.statistics.connecting === 1);
    await turns();
    controller.abort();
    expect(await settledCode(call)).toBe("resolved");
    expect(await call).toBe("POP3_ABORTED");
    expect(pool.statistics).toMatchObject({ open: 0, failed: 0, retried: 0 });
    await server.idle();
    expect(await pool.use(ann, () => 7)).toBe(7);
    expect(worked).toBe(false);
  });

  test("while it waits for the next attempt", async () => {
    await using server = await serve(["ann"], {
      faults: [{ on: "greeting", reply: "-ERR [IN-USE] busy\r\n" }],
    });
    await using pool = new Pop3Pool();
    const { controller, options } = giveUp();
    const call = codeOf(pool.use(account(server), nothing, options));
    await until(() => pool.statistics.waiting === 1);
    controller.abort();
    expect(await call).toBe("POP3_ABORTED");
    expect(pool.statistics).toMatchObject({ waiting: 0, open: 0 });
    expect(await pool.use(account(server), () => 7)).toBe(7);
  });

  test("while it waits for a free slot for the next attempt", async () => {
    await using server = await serve(["ann", "bob"], {
      faults: [{ on: "greeting", reply: "-ERR [IN-USE] busy\r\n" }],
    });
    await using pool = new Pop3Pool({ maxSessions: 1 });
    const busy = gate();
    const { controller, options } = giveUp();
    const call = codeOf(pool.use(account(server), nothing, options));
    const other = pool.use(account(server, "bob"), () => busy.passed);
    await until(() => pool.statistics.inUse === 1);
    vi.advanceTimersByTime(15_000);
    await turns();
    controller.abort();
    expect(await call).toBe("POP3_ABORTED");
    busy.open();
    await other;
    expect(await pool.use(account(server), () => 7)).toBe(7);
  });

  test("in the work: its marks are rolled back, its next command fails, and the maildrop is released", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool({ idleTimeout: 60_000 });
    const { controller, options } = giveUp();
    const [marked, gone] = [gate(), gate()];
    let next: Promise<string> | undefined;
    const work = async (client: Pop3Client): Promise<void> => {
      await client.dele([1, 2]);
      marked.open();
      await gone.passed;
      next = codeOf(client.dele(3));
      await next;
      throw new Error("no caller gets this error");
    };
    const call = codeOf(pool.use(account(server), work, options));
    await marked.passed;
    controller.abort();
    expect(await call).toBe("POP3_ABORTED");
    // The next session of the maildrop begins when that is over.
    const count = pool.use(account(server), (client) => client.stat());
    gone.open();
    expect(await count).toEqual({ count: 3, size: 9 });
    expect(await next).toBe("POP3_CLOSED");
    expect(left(server)).toBe("123");
    expect(said(server).filter((line) => line === "C: RSET")).toHaveLength(1);
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  });

  test("in work that never settles", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool();
    const { controller, options } = giveUp();
    const call = codeOf(pool.use(account(server), () => new Promise(nothing), options));
    await until(() => pool.statistics.inUse === 1);
    controller.abort();
    expect(await call).toBe("POP3_ABORTED");
    expect(await pool.use(account(server), () => 7)).toBe(7);
  });

  test("in work that reads a message, and drops the connection", async () => {
    await using server = await serve(["ann"]);
    server.maildrop("ann").add(Buffer.alloc(9_000_000, "a\r\n"));
    await using pool = new Pop3Pool();
    const { controller, options } = giveUp();
    const work = async (client: Pop3Client): Promise<void> => {
      for await (const _ of client.retrStream(4)) await new Promise(nothing);
    };
    const call = codeOf(pool.use(account(server), work, options));
    await until(() => said(server).includes("C: RETR 4"));
    await turns(100);
    controller.abort();
    expect(await call).toBe("POP3_ABORTED");
    expect(await pool.use(account(server), () => 7)).toBe(7);
  });

  test("as the work resolves, and commits nothing", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool();
    const { controller, options } = giveUp();
    const work = async (client: Pop3Client): Promise<void> => {
      await client.dele(1);
      controller.abort();
    };
    expect(await codeOf(pool.use(account(server), work, options))).toBe("POP3_ABORTED");
    await pool.use(account(server), nothing);
    expect(left(server)).toBe("123");
  });

  test("in the commit with POP3_COMMIT_UNKNOWN: marked messages may be deleted or not", async () => {
    await using server = await serve(["ann"], {
      faults: [{ on: "QUIT", carriedOut: true, reply: "", stall: 0 }],
    });
    await using pool = new Pop3Pool();
    const { controller, options } = giveUp();
    const call = failureOf(pool.use(account(server), (client) => client.dele(1), options));
    await until(() => said(server).includes("C: QUIT"));
    controller.abort();
    expect(await call).toMatchObject({ code: "POP3_COMMIT_UNKNOWN", marked: [1] });
    expect(pool.statistics.open).toBe(0);
  });

  test("in the commit with nothing marked", async () => {
    await using server = await serve(["ann"], { faults: [{ on: "QUIT", reply: "", stall: 0 }] });
    await using pool = new Pop3Pool();
    const { controller, options } = giveUp();
    const call = codeOf(pool.use(account(server), nothing, options));
    await until(() => said(server).includes("C: QUIT"));
    controller.abort();
    expect(await call).toBe("POP3_ABORTED");
  });

  test("while it waits for the work's own QUIT", async () => {
    await using server = await serve(["ann"], {
      faults: [{ on: "QUIT", carriedOut: true, reply: "", stall: 0 }],
    });
    await using pool = new Pop3Pool();
    const { controller, options } = giveUp();
    let quit: Promise<string> | undefined;
    const ann = account(server, "ann", { timeouts: { quit: 100 } });
    const work = async (client: Pop3Client): Promise<void> => {
      await client.dele(1);
      quit = codeOf(client.quit());
    };
    const call = codeOf(pool.use(ann, work, options));
    await until(() => said(server).includes("C: QUIT"));
    controller.abort();
    expect(await call).toBe("POP3_ABORTED");
    expect(await timePasses(quit ?? Promise.resolve("not called"))).toBe("POP3_COMMIT_UNKNOWN");
  });

  test("while it rolls back, but with the work's error", async () => {
    await using server = await serve(["ann"], { faults: [{ on: "RSET", stall: 0 }] });
    await using pool = new Pop3Pool();
    const { controller, options } = giveUp();
    const ann = account(server, "ann", { timeouts: { quit: 100 } });
    const work = async (client: Pop3Client): Promise<void> => {
      await client.dele(1);
      throw new Error("no");
    };
    const call = codeOf(pool.use(ann, work, options));
    await until(() => said(server).includes("C: RSET"));
    controller.abort();
    expect(await timePasses(call)).toBe("Error: no");
    expect(await timePasses(pool.use(ann, (client) => client.stat()))).toEqual({ count: 3, size: 9 });
  });

  test("while it checks a kept session with NOOP", async () => {
    await using server = await serve(["ann"], { faults: [{ on: "NOOP", stall: 0 }] });
    await using pool = new Pop3Pool({ idleTimeout: 60_000 });
    const { controller, options } = giveUp();
    await pool.use(account(server), nothing);
    const call = codeOf(pool.use(account(server), nothing, options));
    await until(() => said(server).includes("C: NOOP"));
    controller.abort();
    expect(await call).toBe("POP3_ABORTED");
    expect(pool.statistics).toMatchObject({ open: 0, failed: 0 });
    await server.idle();
    expect(await pool.use(account(server), () => 7)).toBe(7);
  });

  test("while it ends a session that failed the check; the maildrop is released after that", async () => {
    await using server = await serve(["ann"], {
      faults: [
        { on: "NOOP", reply: "-ERR no\r\n" },
        { on: "QUIT", stall: 0, reply: "" },
      ],
    });
    const pool = new Pop3Pool({ idleTimeout: 60_000 });
    const { controller, options } = giveUp();
    const ann = account(server, "ann", { timeouts: { quit: 300 } });
    await pool.use(ann, nothing);
    const call = codeOf(pool.use(ann, nothing, options));
    await until(() => said(server).includes("C: QUIT"));
    controller.abort();
    expect(await call).toBe("POP3_ABORTED");
    expect(pool.statistics).toMatchObject({ idle: 1, open: 1 });
    const next = pool.use(ann, () => server.sessions);
    await turns();
    expect(server.connections).toBe(1);
    expect(await timePasses(next)).toBe(1);
    await pool.close();
    expect(server.sessions).toBe(0);
  });

  test("while it ends another session; no limit is exceeded meanwhile", async () => {
    await using server = await serve(["ann", "bob", "joe"], { faults: [{ on: "QUIT", stall: 0 }] });
    await using pool = new Pop3Pool({ maxSessions: 1, idleTimeout: 60_000 });
    const { controller, options } = giveUp();
    await pool.use(account(server, "ann", { timeouts: { quit: 300 } }), nothing);
    const call = codeOf(pool.use(account(server, "bob"), nothing, options));
    await until(() => said(server).includes("C: QUIT"));
    controller.abort();
    expect(await call).toBe("POP3_ABORTED");
    expect(server.connections).toBe(1);
    const sessions = pool.use(account(server, "joe"), () => server.sessions);
    await turns();
    expect(server.connections).toBe(1);
    expect(await timePasses(sessions)).toBe(1);
  });
});

test("two hundred calls with one signal leave no listener on it, and no warning by Node", async () => {
  await using server = await serve(["ann"]);
  await using pool = new Pop3Pool({ idleTimeout: 60_000 });
  const { controller, options } = giveUp();
  await Promise.all(Array.from({ length: 200 }, () => pool.use(account(server), nothing, options)));
  expect(server.connections).toBe(1);
  expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  await turns();
  controller.abort();
  expect(pool.statistics).toMatchObject({ idle: 1, opened: 1, reused: 199 });
});
