// Pop3Client.use connects, gives the client to a function, and ends the session as a transaction.
import { describe, expect, test } from "vitest";
import { Pop3Client, Pop3Error } from "popwright";
import type { Fault, Pop3Server } from "popwright/testing";
import { auth, five, left, said, to } from "../../support/ann.ts";
import { codeOf, failureOf } from "../../support/outcome.ts";
import { guardEachTest } from "../../support/sentry.ts";

guardEachTest();

const account = (server: Pop3Server): ReturnType<typeof to> => to(server, { stls: "never", auth });
const quits = (server: Pop3Server): number => said(server).filter((line) => line === "C: QUIT").length;

describe("work that resolves", () => {
  test("gets a session that is logged in; its marks are committed before the call resolves", async () => {
    await using server = await five();
    const value = await Pop3Client.use(account(server), async (client) => {
      expect(client.state).toBe("transaction");
      await client.dele([1, 3]);
      return (await client.retr(2)).toString();
    });
    expect(value).toBe("2\r\n");
    expect(server.maildrop("ann").messages).toHaveLength(3);
    expect(said(server).slice(-2)).toEqual(["C: RETR 2", "C: QUIT"]);
  });

  test("can be synchronous, and can have a URL for its account", async () => {
    await using server = await five();
    const url = `pop3://ann:secret@127.0.0.1:${server.port}?stls=never`;
    expect(await Pop3Client.use(url, ({ state }) => state)).toBe("transaction");
    expect(await Pop3Client.use(new URL(url), () => 7)).toBe(7);
  });

  test.each<[string, (client: Pop3Client) => Promise<unknown>, string, number]>([
    ["quit()", (client) => client.quit(), "2345", 1],
    ["a quit() that it does not wait for", async (client) => void client.quit(), "2345", 1],
    [
      "close()",
      (client) => {
        client.close();
        return Promise.resolve();
      },
      "12345",
      0,
    ],
    ["a rollback", (client) => client[Symbol.asyncDispose](), "12345", 1],
  ])("may end the session itself by %s", async (_how, end, rest, count) => {
    await using server = await five();
    const work = async (client: Pop3Client): Promise<string> => {
      await client.dele(1);
      await end(client);
      return "done";
    };
    expect(await Pop3Client.use(account(server), work)).toBe("done");
    expect(await left(server)).toBe(rest);
    expect(quits(server)).toBe(count);
  });

  test("is committed although a QUIT of its own was cancelled before it was sent", async () => {
    await using server = await five();
    await Pop3Client.use(account(server), async (client) => {
      await client.dele(1);
      expect(await codeOf(client.quit({ signal: AbortSignal.abort() }))).toBe("POP3_ABORTED");
    });
    expect(await left(server)).toBe("2345");
  });

  test("succeeds if QUIT is not answered and nothing is marked", async () => {
    await using server = await five({ on: "QUIT", reply: "", close: 0 });
    expect(await Pop3Client.use(account(server), () => 7)).toBe(7);
  });
});

describe("a commit that fails rejects", () => {
  const faults: readonly (readonly [string, Fault])[] = [
    ["POP3_COMMIT_FAILED", { on: "QUIT", reply: "-ERR disk full\r\n" }],
    ["POP3_COMMIT_UNKNOWN", { on: "QUIT", carriedOut: true, reply: "", close: 0 }],
  ];
  test.each(faults)("with %s, and names the marked messages", async (code, fault) => {
    await using server = await five(fault);
    const error = await failureOf(Pop3Client.use(account(server), (client) => client.dele([1, 2])));
    expect(error).toMatchObject({ code, marked: [1, 2] });
  });
});

describe("work that throws", () => {
  test.each([
    ["an Error", new Error("disk full")],
    ["an error of popwright", new Pop3Error("POP3_REFUSED", "no")],
    ["undefined", undefined],
  ])("%s is rolled back, and its error is thrown unchanged", async (_, thrown) => {
    await using server = await five();
    const work = async (client: Pop3Client): Promise<void> => {
      await client.dele([1, 2]);
      throw thrown as Error;
    };
    const caught = await Pop3Client.use(account(server), work).then(
      () => "nothing was thrown",
      (error: unknown) => error,
    );
    expect(caught).toBe(thrown);
    expect(said(server).slice(-2)).toEqual(["C: RSET", "C: QUIT"]);
    expect(await left(server)).toBe("12345");
  });

  test("in a loop of tries does not disturb the next try", async () => {
    await using server = await five({ on: "RETR", close: 1 });
    const outcomes: string[] = [];
    for (let tries = 0; tries < 2; tries++)
      outcomes.push(
        await codeOf(
          Pop3Client.use(account(server), async (client) => {
            await client.retr(1);
            await client.dele(1);
          }),
        ),
      );
    expect(outcomes).toEqual(["POP3_CLOSED", "resolved"]);
    expect(await left(server)).toBe("2345");
  });
});

test("a refused login rejects, and the work is not called", async () => {
  await using server = await five();
  let calls = 0;
  const wrong = to(server, { stls: "never", auth: { ...auth, pass: "wrong" } });
  expect(await codeOf(Pop3Client.use(wrong, () => calls++))).toBe("POP3_AUTH_REJECTED");
  expect(calls).toBe(0);
});

describe("an abort", () => {
  test("before the call: nothing is sent", async () => {
    await using server = await five();
    const call = Pop3Client.use(account(server), () => 7, { signal: AbortSignal.abort() });
    expect(await codeOf(call)).toBe("POP3_ABORTED");
    expect(said(server)).toEqual([]);
  });

  test("within the work: the call rejects at once, and the session is rolled back", async () => {
    await using server = await five();
    const controller = new AbortController();
    let client: Pop3Client | undefined;
    const call = Pop3Client.use(
      account(server),
      async (given) => {
        client = given;
        await given.dele(1);
        controller.abort();
        await new Promise(() => undefined);
      },
      { signal: controller.signal },
    );
    expect(await codeOf(call)).toBe("POP3_ABORTED");
    expect(await codeOf((client as Pop3Client).noop())).toBe("POP3_CLOSED");
    expect(await left(server)).toBe("12345");
  });
});
