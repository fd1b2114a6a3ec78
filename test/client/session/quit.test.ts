// QUIT can fail, have an unknown outcome, or not be sent. Each error says so, with the marked messages.
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3Error } from "../../../src/index.ts";
import type { Fault, Pop3Server } from "../../../src/testing/index.ts";
import { auth, five, left, LOGGED_IN, logIn, said, toScript } from "../../support/ann.ts";
import { stopClocks, timePasses } from "../../support/clock.ts";
import { codeOf, failureOf } from "../../support/outcome.ts";
import { until } from "../../support/turns.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();
stopClocks();

describe("quit()", () => {
  /** Marks 3 and 1, and gives what QUIT rejects with. */
  async function quit(server: Pop3Server): Promise<Pop3Error> {
    const client = await logIn(server, { timeouts: { quit: 100 } });
    await client.dele([3, 1]);
    const failure = await failureOf(timePasses(client.quit()));
    expect(client.state).toBe("closed");
    return failure;
  }

  test.each([
    ["some deleted messages not removed", undefined, false],
    ["[SYS/TEMP] later", "SYS/TEMP", true],
  ])("rejects with POP3_COMMIT_FAILED and the marks on -ERR %s", async (text, responseCode, temporary) => {
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
    ["an invalid reply", { on: "QUIT", reply: "bye\r\n", carriedOut: true }, "POP3_PROTOCOL"],
  ])("rejects with POP3_COMMIT_UNKNOWN and the marks on %s instead of a reply", async (_, fault, cause) => {
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

  test("rejects with POP3_COMMIT_UNKNOWN if it is aborted after it was sent", async () => {
    await using server = await five({ on: "QUIT", stall: 0 });
    const client = await logIn(server);
    await client.dele(2);
    const controller = new AbortController();
    const call = failureOf(client.quit({ signal: controller.signal }));
    await until(() => said(server).includes("C: QUIT"));
    controller.abort();
    expect(await call).toMatchObject({
      code: "POP3_COMMIT_UNKNOWN",
      marked: [2],
      cause: { code: "POP3_ABORTED" },
    });
    expect(client.state).toBe("closed");
  });

  test("commits nothing if it is aborted before it was sent, and the session continues", async () => {
    await using server = await five();
    await using client = await logIn(server);
    await client.dele(1);
    expect(await codeOf(client.quit({ signal: AbortSignal.abort() }))).toBe("POP3_ABORTED");
    const controller = new AbortController();
    const stat = client.stat();
    const quit = failureOf(client.quit({ signal: controller.signal }));
    controller.abort();
    const failure = await quit;
    expect(failure.code).toBe("POP3_ABORTED");
    expect(failure.marked).toBeUndefined();
    expect((await stat).count).toBe(4);
    expect(client.state).toBe("transaction");
    await client.noop();
    expect(said(server)).not.toContain("C: QUIT");
    await client.quit();
    expect(await left(server)).toBe("2345");
  });

  test("rejects if it is aborted and closed before it was sent", async () => {
    await using server = await five();
    const client = await logIn(server);
    await client.dele(1);
    const controller = new AbortController();
    const quit = codeOf(client.quit({ signal: controller.signal }));
    controller.abort();
    client.close();
    expect(await quit).toBe("POP3_ABORTED");
    expect(client.state).toBe("closed");
    expect(await codeOf(client.noop())).toBe("POP3_CLOSED");
    expect(await left(server)).toBe("12345");
  });

  test.each<[string, Fault, string]>([
    ["FIN", { on: "STAT", close: 0 }, "POP3_CLOSED"],
    ["RST", { on: "STAT", reset: 0 }, "POP3_RESET"],
    ["an invalid reply", { on: "STAT", reply: "what\r\n" }, "POP3_PROTOCOL"],
  ])(
    "rejects with a connection error and commits nothing if %s came before it was sent",
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

  test("includes a DELE that was answered only after the call of quit()", async () => {
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

  test("includes an RSET that was answered only after the call of quit()", async () => {
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
  ])("resolves with nothing marked on %s", async (_, fault) => {
    await using server = await five(fault);
    const client = await logIn(server, { timeouts: { quit: 50 } });
    await client.dele(1);
    await client.rset();
    await timePasses(client.quit());
    expect(client.state).toBe("closed");
    expect(await left(server)).toBe("12345");
  });

  test("resolves on +OK followed by more octets", async () => {
    await using server = await five({ on: "QUIT", after: "+OK and more\r\n" });
    const client = await logIn(server);
    await client.dele(1);
    await client.quit();
    expect(client.state).toBe("closed");
    expect(await left(server)).toBe("2345");
  });

  test("resolves on +OK if the server does not close, and closes the connection", async () => {
    await using server = await ScriptedServer.listen([...LOGGED_IN, "C: QUIT", "S: +OK bye"]);
    const client = await Pop3Client.connect(toScript(server, { auth }));
    await client.quit();
    await server.played();
  });
});
