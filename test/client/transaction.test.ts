/** A session is a transaction: QUIT commits, everything else rolls back, and who cannot know says so. */
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3Error } from "../../src/index.ts";
import type { Fault, Pop3Server } from "../../src/testing/index.ts";
import { auth, listen, LOGGED_IN, logIn, said, to, toScript } from "./ann.ts";
import { codeOf, failureOf, turns } from "./outcome.ts";
import { ScriptedServer } from "./scripted-server.ts";

/** Five messages, `1` to `5`. */
async function five(...faults: Fault[]): Promise<Pop3Server> {
  return listen({ messages: ["1\r\n", "2\r\n", "3\r\n", "4\r\n", "5\r\n"], faults });
}

/** What is left in the maildrop, once the server has seen the end of the session. */
async function left(server: Pop3Server): Promise<string> {
  await server.idle();
  return server
    .maildrop("ann")
    .messages.map(({ octets }) => octets.toString().trim())
    .join("");
}

describe("commit", () => {
  test("DELE marks, QUIT deletes", async () => {
    await using server = await five();
    await using client = await logIn(server);
    await client.dele(2);
    await client.dele([4, 5]);
    expect([...client.marked]).toEqual([2, 4, 5]);
    expect(await client.stat()).toEqual({ count: 2, size: 6 });
    expect(await client.list()).toEqual(
      new Map([
        [1, 3],
        [3, 3],
      ]),
    );
    await expect(client.retr(2)).rejects.toMatchObject({ code: "POP3_REFUSED" });
    expect(server.maildrop("ann").messages).toHaveLength(5);
    await client.quit();
    expect(client.state).toBe("closed");
    expect(await left(server)).toBe("13");
  });

  test("`marked` is a copy", async () => {
    await using server = await five();
    await using client = await logIn(server);
    await client.dele(1);
    (client.marked as Set<number>).clear();
    expect([...client.marked]).toEqual([1]);
  });

  test("RSET takes the marks back", async () => {
    await using server = await five();
    await using client = await logIn(server);
    await client.dele([1, 2]);
    await client.rset();
    expect(client.marked.size).toBe(0);
    expect(await client.stat()).toEqual({ count: 5, size: 15 });
    await client.dele(5);
    await client.quit();
    expect(await left(server)).toBe("1234");
  });

  test("RSET that is refused leaves them", async () => {
    await using server = await five({ on: "RSET", reply: "-ERR no\r\n" });
    await using client = await logIn(server);
    await client.dele(3);
    await expect(client.rset()).rejects.toMatchObject({ code: "POP3_REFUSED" });
    expect([...client.marked]).toEqual([3]);
    await client.quit();
    expect(await left(server)).toBe("1245");
  });

  test("several at once, one of them refused: all are answered, and `marked` tells which were taken", async () => {
    await using server = await five();
    await using client = await logIn(server);
    await expect(client.dele([1, 9, 3, 8, 5])).rejects.toMatchObject({
      code: "POP3_REFUSED",
      command: "DELE 9",
    });
    expect([...client.marked]).toEqual([1, 3, 5]);
    expect(client.state).toBe("transaction");
    await client.quit();
    expect(await left(server)).toBe("24");
  });

  test("several at once, without PIPELINING: one behind the other", async () => {
    await using server = await ScriptedServer.listen(
      [...LOGGED_IN, "C: DELE 1", "S: +OK", "C: DELE 2", "S: -ERR", "C: DELE 3", "S: +OK"],
      { lockstep: true },
    );
    const client = await Pop3Client.connect(toScript(server, { auth }));
    await expect(client.dele([1, 2, 3])).rejects.toMatchObject({ code: "POP3_REFUSED", command: "DELE 2" });
    expect([...client.marked]).toEqual([1, 3]);
    client.close();
    await server.played();
  });

  test("DELE whose call was given up counts all the same, when the server took it", async () => {
    await using server = await five();
    await using client = await logIn(server);
    await client.noop();
    const controller = new AbortController();
    const call = client.dele(1, { signal: controller.signal });
    await turns(1);
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: "POP3_ABORTED" });
    await client.noop();
    const taken = said(server).includes("C: DELE 1");
    expect([...client.marked]).toEqual(taken ? [1] : []);
    await client.quit();
    expect(await left(server)).toBe(taken ? "2345" : "12345");
  });
});

describe("roll back", () => {
  test("by a connection that drops", async () => {
    await using server = await five({ on: "NOOP", close: 0 });
    await using client = await logIn(server);
    await client.dele([1, 2, 3]);
    await expect(client.noop()).rejects.toMatchObject({ code: "POP3_CLOSED" });
    expect(await left(server)).toBe("12345");
  });

  test("by close", async () => {
    await using server = await five();
    const client = await logIn(server);
    await client.dele([1, 2, 3]);
    client.close();
    expect(client.state).toBe("closed");
    expect(await left(server)).toBe("12345");
    expect(said(server)).not.toContain("C: QUIT");
  });

  test("by leaving: RSET and QUIT", async () => {
    await using server = await five();
    {
      await using client = await logIn(server);
      await client.dele([1, 2, 3]);
    }
    expect(await left(server)).toBe("12345");
    expect(said(server).slice(-2)).toEqual(["C: RSET", "C: QUIT"]);
  });

  test("by leaving, with nothing marked: QUIT", async () => {
    await using server = await five();
    {
      await using client = await logIn(server);
      await client.stat();
    }
    expect(await left(server)).toBe("12345");
    expect(said(server).slice(-2)).toEqual(["C: STAT", "C: QUIT"]);
  });

  test("by leaving at once: QUIT", async () => {
    await using server = await five();
    {
      await using _ = await logIn(server);
    }
    expect(await left(server)).toBe("12345");
    expect(said(server).at(-1)).toBe("C: QUIT");
  });

  test("by leaving before the login: QUIT", async () => {
    await using server = await five();
    {
      await using _ = await Pop3Client.connect(to(server, { stls: "never" }));
    }
    await server.idle();
    expect(said(server)).toEqual(["C: CAPA", "C: QUIT"]);
  });

  test("by leaving with an exception", async () => {
    await using server = await five();
    const error = new Error("disk full");
    const work = async (): Promise<void> => {
      await using client = await logIn(server);
      for await (const message of client.retrieve()) {
        await client.dele(message.number);
        if (message.number === 3) throw error;
      }
      await client.quit();
    };
    await expect(work()).rejects.toBe(error);
    expect(await left(server)).toBe("12345");
  });

  test("by leaving while a DELE is under way", async () => {
    await using server = await five();
    const calls: Promise<string>[] = [];
    {
      await using client = await logIn(server);
      await client.noop();
      calls.push(codeOf(client.dele([1, 2])));
    }
    await Promise.all(calls);
    expect(await left(server)).toBe("12345");
  });

  test("by leaving while a message is under way that nobody reads: the connection is dropped", async () => {
    await using server = await listen({ messages: ["1\r\n", Buffer.alloc(9_000_000, "a\r\n")] });
    {
      await using client = await logIn(server, { timeouts: { quit: 100 } });
      await client.dele(1);
      const stream = client.retrStream(2);
      stream.on("error", () => undefined);
      await once(stream, "readable");
    }
    await server.idle();
    expect(server.maildrop("ann").messages).toHaveLength(2);
    expect(said(server)).not.toContain("C: QUIT");
  });

  test.each<[string, Fault]>([
    ["RSET is refused", { on: "RSET", reply: "-ERR no\r\n" }],
    ["RSET is not answered", { on: "RSET", close: 0 }],
    ["RSET is met with silence", { on: "RSET", stall: 0 }],
    ["QUIT is not answered", { on: "QUIT", close: 0, reply: "-ERR\r\n" }],
    ["QUIT is met with silence", { on: "QUIT", stall: 0, reply: "-ERR\r\n" }],
  ])("by leaving, where %s: the connection is dropped, and leaving does not fail", async (_, fault) => {
    await using server = await five(fault);
    {
      await using client = await logIn(server, { timeouts: { quit: 50 } });
      await client.dele([1, 2]);
    }
    expect(await left(server)).toBe("12345");
  });

  test("leaving behind QUIT does nothing, nor does leaving twice", async () => {
    await using server = await five();
    await using client = await logIn(server);
    await client.dele(1);
    await client.quit();
    await client[Symbol.asyncDispose]();
    await client[Symbol.asyncDispose]();
    expect(await left(server)).toBe("2345");
    expect(said(server).filter((line) => line === "C: QUIT")).toHaveLength(1);
  });

  test("leaving while QUIT is under way lets it commit", async () => {
    await using server = await five();
    let quit: Promise<void>;
    {
      await using client = await logIn(server);
      await client.dele(1);
      quit = client.quit();
    }
    await quit;
    expect(await left(server)).toBe("2345");
  });

  test("leaving what never connected, or is connecting", async () => {
    const client = new Pop3Client({ host: "mail.test", socket: () => new Promise(() => {}) });
    await client[Symbol.asyncDispose]();
    expect(client.state).toBe("closed");
    const other = new Pop3Client({ host: "mail.test", socket: () => new Promise(() => {}) });
    const call = codeOf(other.connect());
    await other[Symbol.asyncDispose]();
    expect(await call).toBe("POP3_CLOSED");
  });
});

describe("QUIT that goes wrong", () => {
  /** Marks 3 and 1, and gives what QUIT rejects with. */
  async function quit(server: Pop3Server, signal?: AbortSignal): Promise<Pop3Error> {
    const client = await logIn(server, { timeouts: { quit: 100 } });
    await client.dele([3, 1]);
    const failure = await failureOf(client.quit({ signal }));
    expect(client.state).toBe("closed");
    return failure;
  }

  test.each([
    ["some deleted messages not removed", undefined, false],
    ["[SYS/TEMP] later", "SYS/TEMP", true],
  ])("-ERR %s: POP3_COMMIT_FAILED, with what was marked", async (text, responseCode, temporary) => {
    await using server = await five({ on: "QUIT", reply: `-ERR ${text}\r\n`, close: Infinity });
    const failure = await quit(server);
    expect(failure).toMatchObject({
      name: "Pop3ReplyError",
      code: "POP3_COMMIT_FAILED",
      command: "QUIT",
      marked: [1, 3],
      temporary,
      cause: { code: "POP3_REFUSED" },
    });
    expect((failure as { responseCode?: string }).responseCode).toBe(responseCode);
    expect(await left(server)).toBe("12345");
  });

  test.each<[string, Fault, string]>([
    ["FIN", { on: "QUIT", close: 0 }, "POP3_CLOSED"],
    ["FIN in the reply", { on: "QUIT", close: 3 }, "POP3_CLOSED"],
    ["RST", { on: "QUIT", reset: 0 }, "POP3_RESET"],
    ["silence", { on: "QUIT", stall: 0 }, "POP3_COMMAND_TIMEOUT"],
    ["nonsense", { on: "QUIT", reply: "bye\r\n", carriedOut: true }, "POP3_PROTOCOL"],
  ])("%s in place of the reply: POP3_COMMIT_UNKNOWN, with what was marked", async (_, fault, cause) => {
    await using server = await five(fault);
    expect(await quit(server)).toMatchObject({
      name: "Pop3ConnectionError",
      code: "POP3_COMMIT_UNKNOWN",
      command: "QUIT",
      marked: [1, 3],
      cause: { code: cause },
    });
    // This server had carried it out: unknown is the word for it.
    await server[Symbol.asyncDispose]();
  });

  test("given up when it was sent: POP3_COMMIT_UNKNOWN", async () => {
    await using server = await five({ on: "QUIT", stall: 0 });
    const client = await logIn(server);
    await client.dele(2);
    const controller = new AbortController();
    const call = failureOf(client.quit({ signal: controller.signal }));
    await turns();
    controller.abort();
    expect(await call).toMatchObject({
      code: "POP3_COMMIT_UNKNOWN",
      marked: [2],
      cause: { code: "POP3_ABORTED" },
    });
    expect(client.state).toBe("closed");
  });

  test("given up before it was sent: nothing was committed", async () => {
    await using server = await five();
    const failure = await quit(server, AbortSignal.abort());
    expect(failure.code).toBe("POP3_ABORTED");
    expect(failure.marked).toBeUndefined();
    expect(await left(server)).toBe("12345");
  });

  test.each<[string, Fault, string]>([
    ["FIN", { on: "STAT", close: 0 }, "POP3_CLOSED"],
    ["RST", { on: "STAT", reset: 0 }, "POP3_RESET"],
    ["nonsense", { on: "STAT", reply: "what\r\n" }, "POP3_PROTOCOL"],
  ])(
    "never sent, by %s before it: an error of the connection, and nothing was committed",
    async (_, fault, code) => {
      await using server = await five(fault);
      const client = await logIn(server);
      await client.dele([1, 2]);
      const stat = codeOf(client.stat());
      const failure = await failureOf(client.quit());
      expect(failure.code).toBe(code);
      expect(failure.marked).toBeUndefined();
      expect(await stat).toBe(code);
      expect(await left(server)).toBe("12345");
      expect(said(server)).not.toContain("C: QUIT");
    },
  );

  test("a DELE that was answered only after QUIT was asked for counts", async () => {
    for (const [fault, code] of [
      [{ on: "QUIT", close: 0 }, "POP3_COMMIT_UNKNOWN"],
      [{ on: "QUIT", reply: "-ERR\r\n", close: Infinity }, "POP3_COMMIT_FAILED"],
    ] as const) {
      await using server = await five(fault);
      const client = await logIn(server);
      const dele = client.dele([2, 4]);
      expect(await failureOf(client.quit())).toMatchObject({ code, marked: [2, 4] });
      await dele;
    }
  });

  test("a RSET that was answered only after QUIT was asked for counts", async () => {
    await using server = await five({ on: "QUIT", close: 0 });
    const client = await logIn(server);
    await client.dele([2, 4]);
    const rset = client.rset();
    await client.quit();
    await rset;
    expect(await left(server)).toBe("12345");
  });

  test.each<[string, Fault]>([
    ["-ERR", { on: "QUIT", reply: "-ERR no\r\n", close: Infinity }],
    ["FIN", { on: "QUIT", close: 0 }],
    ["RST", { on: "QUIT", reset: 0 }],
    ["silence", { on: "QUIT", stall: 0 }],
  ])("nothing marked, and %s: it was the end that was asked for", async (_, fault) => {
    await using server = await five(fault);
    const client = await logIn(server, { timeouts: { quit: 50 } });
    await client.dele(1);
    await client.rset();
    await client.quit();
    expect(client.state).toBe("closed");
    expect(await left(server)).toBe("12345");
  });

  test("+OK, and more behind it: it was committed", async () => {
    await using server = await five({ on: "QUIT", after: "+OK and more\r\n" });
    const client = await logIn(server);
    await client.dele(1);
    await client.quit();
    expect(client.state).toBe("closed");
    expect(await left(server)).toBe("2345");
  });

  test("+OK, and the server never closes: the client does", async () => {
    await using server = await ScriptedServer.listen([...LOGGED_IN, "C: QUIT", "S: +OK bye"]);
    const client = await Pop3Client.connect(toScript(server, { auth }));
    await client.quit();
    await server.played();
  });
});
