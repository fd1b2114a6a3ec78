// Responses that never end or end too early: silence, cut connections, endless listings.
import { describe, expect, test } from "vitest";
import { Pop3Client } from "../../../src/index.ts";
import type { Fault } from "../../../src/testing/index.ts";
import { auth, listen, logIn, to } from "../../support/ann.ts";
import { stopClocks, timePasses } from "../../support/clock.ts";
import { codeOf } from "../../support/outcome.ts";
import { session } from "../../support/scripted-session.ts";

describe("silence", () => {
  stopClocks();

  test.each<[string, Fault, (client: Pop3Client) => Promise<unknown>, string]>([
    ["instead of a reply", { on: "STAT", stall: 0 }, (client) => client.stat(), "POP3_COMMAND_TIMEOUT"],
    ["in the middle of a reply", { on: "STAT", stall: 5 }, (client) => client.stat(), "POP3_COMMAND_TIMEOUT"],
    ["in a listing", { on: "LIST", stall: 20 }, (client) => client.list(), "POP3_IDLE_TIMEOUT"],
    ["in a message", { on: "RETR", stall: 20 }, (client) => client.retr(1), "POP3_IDLE_TIMEOUT"],
    [
      "in the end of a message",
      { on: "RETR", reply: "+OK\r\ntext\r\n.\r", stall: Infinity },
      (client) => client.retr(1),
      "POP3_IDLE_TIMEOUT",
    ],
  ])("%s ends the session with a timeout", async (_, fault, call, code) => {
    await using server = await listen({ faults: [fault] });
    const client = await logIn(server, { timeouts: { command: 200, body: 50 } });
    const calls = [call(client), client.noop()].map(codeOf);
    expect(await timePasses(Promise.all(calls))).toEqual([code, code]);
    expect(client.state).toBe("closed");
  });
});

describe("over TLS", () => {
  test.each<[string, Fault, string]>([
    ["cut off without close_notify", { on: "RETR", cut: 20 }, "POP3_TRUNCATED"],
    ["closed", { on: "RETR", close: 20 }, "POP3_TRUNCATED"],
    ["reset", { on: "RETR", reset: 20 }, "POP3_RESET"],
  ])("rejects a message that is %s", async (_, fault, code) => {
    await using server = await listen({ tls: true, faults: [fault] });
    const client = await Pop3Client.connect(to(server, { auth }));
    expect(await codeOf(client.retr(1))).toBe(code);
    expect(client.state).toBe("closed");
  });
});

describe("a listing without an end", () => {
  const lines = Array.from({ length: 50 }, (_, index) => `S: ${String(index + 1)} 1`);
  const tooLarge = { code: "POP3_LIST_TOO_LARGE" };

  test("is rejected far beyond the number that STAT counted", async () => {
    await session(["C: STAT", "S: +OK 30 1", "C: LIST", "S: +OK", ...lines], async (client) => {
      await client.stat();
      await expect(client.list()).rejects.toMatchObject(tooLarge);
      expect(client.state).toBe("closed");
    });
  });

  test("is not assumed if STAT counted a few less", async () => {
    await session(["C: STAT", "S: +OK 34 1", "C: UIDL", "S: +OK", ...lines, "S: ."], async (client) => {
      await client.stat();
      expect((await client.uidl()).size).toBe(50);
    });
  });

  test.each([
    ["entries", { listEntries: 49 }],
    ["octets", { listOctets: 290 }],
  ])("is rejected at the limit of %s", async (_, limits) => {
    await session(
      ["C: LIST", "S: +OK", ...lines],
      async (client) => {
        await expect(client.list()).rejects.toMatchObject(tooLarge);
        expect(client.state).toBe("closed");
      },
      { limits },
    );
  });
});
