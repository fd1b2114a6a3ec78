// The work with a session is a transaction: committed when the work resolves, and rolled back when it throws.
import { describe, expect, test } from "vitest";
import { Pop3Error, Pop3Pool, type Pop3Client } from "../../src/index.ts";
import { said } from "../support/ann.ts";
import { codeOf, failureOf } from "../support/outcome.ts";
import { guardEachTest } from "../support/sentry.ts";
import { account, left, serve } from "./accounts.ts";

guardEachTest();

const quits = (lines: readonly string[]): number => lines.filter((line) => line === "C: QUIT").length;

describe("work that resolves", () => {
  test("gets a session that is logged in, and its value is returned after QUIT has committed its marks", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool();
    const value = await pool.use(account(server), async (client) => {
      expect(client.state).toBe("transaction");
      await client.dele([1, 3]);
      return (await client.retr(2)).toString();
    });
    expect(value).toBe("2\r\n");
    // The reply to QUIT has come: nothing is to be waited for.
    expect(left(server)).toBe("2");
    expect(said(server).slice(-2)).toEqual(["C: RETR 2", "C: QUIT"]);
  });

  test("without marks ends with QUIT, too", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool();
    expect(await pool.use(account(server), (client) => client.stat())).toEqual({ count: 3, size: 9 });
    expect(said(server).at(-1)).toBe("C: QUIT");
    expect(left(server)).toBe("123");
  });

  test("can be synchronous", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool();
    expect(await pool.use(account(server), () => 7)).toBe(7);
  });

  test("can use an account given as a URL", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool();
    const url = `pop3://ann:secret@127.0.0.1:${server.port}?stls=never`;
    expect(await pool.use(url, ({ state }) => state)).toBe("transaction");
    expect(await pool.use(new URL(url), ({ state }) => state)).toBe("transaction");
  });

  test("can use a session without auth, before the login", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool({ idleTimeout: 60_000 });
    const { auth: _, ...loginless } = account(server);
    await pool.use(loginless, async (client) => {
      expect(client.state).toBe("authorization");
      await client.user("ann");
      await client.pass("secret");
      await client.dele(1);
    });
    expect(left(server)).toBe("23");
    await pool.use(loginless, ({ state }) => state);
    await pool.use(loginless, async (client) => {
      await client.user("ann");
      await client.pass("secret");
    });
    expect(pool.statistics).toMatchObject({ open: 0, opened: 3 });
  });

  test("succeeds if the session was lost with nothing marked", async () => {
    await using server = await serve(["ann"], { faults: [{ on: "STAT", after: "+OK nobody asked\r\n" }] });
    await using pool = new Pop3Pool({ idleTimeout: 60_000 });
    const work = async (client: Pop3Client): Promise<string> => {
      await client.stat();
      await codeOf(client.noop());
      return client.state;
    };
    expect(await pool.use(account(server), work)).toBe("closed");
    expect(pool.statistics.open).toBe(0);
  });

  test("succeeds if QUIT is not answered with nothing marked", async () => {
    await using server = await serve(["ann"], { faults: [{ on: "QUIT", reply: "", close: 0 }] });
    await using pool = new Pop3Pool();
    expect(await pool.use(account(server), () => 7)).toBe(7);
  });
});

describe("a commit that fails rejects", () => {
  test("with POP3_COMMIT_FAILED if the server did not delete all messages", async () => {
    await using server = await serve(["ann"], { faults: [{ on: "QUIT", reply: "-ERR disk full\r\n" }] });
    await using pool = new Pop3Pool();
    const error = await failureOf(pool.use(account(server), (client) => client.dele([1, 2])));
    expect(error).toMatchObject({ code: "POP3_COMMIT_FAILED", marked: [1, 2] });
  });

  test("with POP3_COMMIT_UNKNOWN if the reply is lost", async () => {
    await using server = await serve(["ann"], {
      faults: [{ on: "QUIT", carriedOut: true, reply: "", close: 0 }],
    });
    await using pool = new Pop3Pool();
    const error = await failureOf(pool.use(account(server), (client) => client.dele([2])));
    expect(error).toMatchObject({ code: "POP3_COMMIT_UNKNOWN", marked: [2] });
    expect(left(server)).toBe("13");
    expect(pool.statistics.open).toBe(0);
  });

  test("with the first error if the session was lost before, and the work did not notice", async () => {
    await using server = await serve(["ann"], {
      faults: [{ on: "NOOP", reply: "+OK\r\n", later: "+OK and\r\n" }],
    });
    await using pool = new Pop3Pool();
    const work = async (client: Pop3Client): Promise<void> => {
      await client.dele(1);
      await client.noop();
      await new Promise((resolve) => client.once("close", resolve));
    };
    expect(await codeOf(pool.use(account(server), work))).toBe("POP3_UNSOLICITED");
    await server.idle();
    expect(left(server)).toBe("123");
  });
});

describe("work that throws", () => {
  test.each([
    ["an Error", new Error("disk full")],
    ["an error of popwright", new Pop3Error("POP3_REFUSED", "no")],
    ["another value", "disk full"],
    ["undefined", undefined],
  ])("%s is rolled back, and its error is thrown unchanged", async (_, thrown) => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool({ idleTimeout: 60_000 });
    const work = async (client: Pop3Client): Promise<void> => {
      await client.dele([1, 2]);
      throw thrown as Error;
    };
    const caught = await pool.use(account(server), work).then(
      () => "nothing was thrown",
      (error: unknown) => error,
    );
    expect(caught).toBe(thrown);
    expect(said(server).slice(-2)).toEqual(["C: RSET", "C: QUIT"]);
    expect(left(server)).toBe("123");
    expect(pool.statistics).toMatchObject({ open: 0, failed: 0 });
  });

  test("synchronously is rolled back", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool();
    const error = new Error("no");
    const work = (): never => {
      throw error;
    };
    await expect(pool.use(account(server), work)).rejects.toBe(error);
    await server.idle();
    expect(said(server).at(-1)).toBe("C: QUIT");
  });

  test("after its session was lost is rolled back", async () => {
    await using server = await serve(["ann"], { faults: [{ on: "RETR", reset: 1 }] });
    await using pool = new Pop3Pool();
    const work = async (client: Pop3Client): Promise<void> => {
      await client.dele(1);
      await client.retr(2);
    };
    expect(await codeOf(pool.use(account(server), work))).toMatch(/^POP3_(?:RESET|TRUNCATED)$/);
    await server.idle();
    expect(left(server)).toBe("123");
  });

  test("releases the maildrop for the next call", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool();
    const calls = Array.from({ length: 5 }, (_, at) =>
      codeOf(
        pool.use(account(server), async (client) => {
          await client.dele(1);
          if (at < 4) throw new Error(String(at));
        }),
      ),
    );
    expect(await Promise.all(calls)).toEqual([...[0, 1, 2, 3].map((at) => `Error: ${at}`), "resolved"]);
    expect(left(server)).toBe("23");
  });
});

describe("work that ends the session itself", () => {
  test("by QUIT causes no second one", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool({ idleTimeout: 60_000 });
    const work = async (client: Pop3Client): Promise<string> => {
      await client.dele(1);
      await client.quit();
      return "done";
    };
    expect(await pool.use(account(server), work)).toBe("done");
    expect(quits(said(server))).toBe(1);
    expect(left(server)).toBe("23");
    expect(pool.statistics.open).toBe(0);
  });

  test("by QUIT that it does not await: the pool waits for it", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool();
    const work = async (client: Pop3Client): Promise<void> => {
      await client.dele(1);
      void client.quit();
    };
    await pool.use(account(server), work);
    expect(quits(said(server))).toBe(1);
    expect(left(server)).toBe("23");
  });

  test("by QUIT that fails, whose error it handles: the call resolves", async () => {
    await using server = await serve(["ann"], { faults: [{ on: "QUIT", reply: "-ERR disk full\r\n" }] });
    await using pool = new Pop3Pool();
    const work = async (client: Pop3Client): Promise<string> => {
      await client.dele(1);
      return codeOf(client.quit());
    };
    expect(await pool.use(account(server), work)).toBe("POP3_COMMIT_FAILED");
  });

  test("by QUIT that it aborted before it was sent: the session continues and is committed", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool();
    const work = async (client: Pop3Client): Promise<string> => {
      await client.dele(1);
      const controller = new AbortController();
      const quitting = codeOf(client.quit({ signal: controller.signal }));
      controller.abort();
      return quitting;
    };
    expect(await pool.use(account(server), work)).toBe("POP3_ABORTED");
    expect(left(server)).toBe("23");
  });

  test("by close() commits nothing", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool();
    const work = async (client: Pop3Client): Promise<string> => {
      await client.dele(1);
      client.close();
      return "done";
    };
    expect(await pool.use(account(server), work)).toBe("done");
    await server.idle();
    expect(quits(said(server))).toBe(0);
    expect(left(server)).toBe("123");
  });

  test("by the end of an await using block rolls back", async () => {
    await using server = await serve(["ann"]);
    await using pool = new Pop3Pool();
    const work = async (client: Pop3Client): Promise<void> => {
      await using leaving = client;
      await leaving.dele(1);
    };
    await pool.use(account(server), work);
    expect(said(server).slice(-2)).toEqual(["C: RSET", "C: QUIT"]);
    expect(left(server)).toBe("123");
  });
});

test("rejects invalid options and arguments before it does anything", async () => {
  await using server = await serve(["ann"]);
  await using pool = new Pop3Pool();
  const work = (): number => 1;
  const ann = account(server);
  const calls = [
    pool.use({ host: "" }, work),
    pool.use("imap://mail.test", work),
    pool.use(undefined as never, work),
    pool.use(ann, work, { retryFor: -1 }),
    pool.use(ann, work, { retryFor: NaN }),
    pool.use(ann, work, { retryFor: "1" as never }),
    pool.use(ann, work, { fresh: 1 as never }),
    pool.use(ann, work, { retry: 1 } as never),
    pool.use(ann, "work" as never),
  ].map(codeOf);
  expect(await Promise.all(calls)).toEqual([
    ...calls.slice(1).map(() => "POP3_CONFIG"),
    "POP3_INVALID_ARGUMENT",
  ]);
  for (const options of [
    { maxSessions: 0 },
    { maxSessions: 1.5 },
    { maxPerHost: 0 },
    { maxPerHost: "5" },
    { maxWaiting: -1 },
    { maxWaiting: 0.5 },
    { idleTimeout: -1 },
    { retryFor: NaN },
    { sessions: 1 },
    7,
    null,
  ])
    expect(() => new Pop3Pool(options as never)).toThrow(expect.objectContaining({ code: "POP3_CONFIG" }));
  expect(server.connections).toBe(0);
  new Pop3Pool({ maxSessions: Infinity, maxPerHost: Infinity, maxWaiting: 0, idleTimeout: Infinity });
});
