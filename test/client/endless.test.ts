// What never ends, and what ends too early: silence, cut connections, listings without end.
import { describe, expect, test } from "vitest";
import { Pop3Client } from "../../src/index.ts";
import type { Fault } from "../../src/testing/index.ts";
import { auth, listen, logIn, to } from "./ann.ts";
import { codeOf } from "./outcome.ts";
import { session } from "./scripted-session.ts";

describe("silence", () => {
  test.each<[string, Fault, (client: Pop3Client) => Promise<unknown>, string]>([
    ["in place of a reply", { on: "STAT", stall: 0 }, (client) => client.stat(), "POP3_COMMAND_TIMEOUT"],
    ["in the middle of a reply", { on: "STAT", stall: 5 }, (client) => client.stat(), "POP3_COMMAND_TIMEOUT"],
    ["in a listing", { on: "LIST", stall: 20 }, (client) => client.list(), "POP3_IDLE_TIMEOUT"],
    ["in a message", { on: "RETR", stall: 20 }, (client) => client.retr(1), "POP3_IDLE_TIMEOUT"],
    [
      "in the end of a message",
      { on: "RETR", reply: "+OK\r\ntext\r\n.\r", stall: Infinity },
      (client) => client.retr(1),
      "POP3_IDLE_TIMEOUT",
    ],
  ])("%s", async (_, fault, call, code) => {
    await using server = await listen({ faults: [fault] });
    const client = await logIn(server, { timeouts: { command: 200, body: 50 } });
    const [first, second] = [call(client), client.noop()].map(codeOf);
    expect(await first).toBe(code);
    expect(await second).toBe(code);
    expect(client.state).toBe("closed");
  });
});

describe("under TLS", () => {
  test.each<[string, Fault, string]>([
    ["cut off without a farewell", { on: "RETR", cut: 20 }, "POP3_TRUNCATED"],
    ["closed", { on: "RETR", close: 20 }, "POP3_TRUNCATED"],
    ["reset", { on: "RETR", reset: 20 }, "POP3_RESET"],
  ])("a message that is %s", async (_, fault, code) => {
    await using server = await listen({ tls: true, faults: [fault] });
    const client = await Pop3Client.connect(to(server, { auth }));
    expect(await codeOf(client.retr(1))).toBe(code);
    expect(client.state).toBe("closed");
  });
});

describe("a listing without end", () => {
  const lines = Array.from({ length: 50 }, (_, index) => `S: ${String(index + 1)} 1`);
  const tooLarge = { code: "POP3_LIST_TOO_LARGE" };

  test("is one that goes on far behind what STAT had counted", async () => {
    await session(["C: STAT", "S: +OK 30 1", "C: LIST", "S: +OK", ...lines], async (client) => {
      await client.stat();
      await expect(client.list()).rejects.toMatchObject(tooLarge);
      expect(client.state).toBe("closed");
    });
  });

  test("a miscount of STAT is none", async () => {
    await session(["C: STAT", "S: +OK 34 1", "C: UIDL", "S: +OK", ...lines, "S: ."], async (client) => {
      await client.stat();
      expect((await client.uidl()).size).toBe(50);
    });
  });

  test.each([
    ["entries", { listEntries: 49 }],
    ["octets", { listOctets: 290 }],
  ])("limits: %s", async (_, limits) => {
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
