// What each command sends, and what it returns for +OK and -ERR.
import { describe, expect, test } from "vitest";
import { Pop3Client } from "../../../src/index.ts";
import { offering, toScript } from "../../support/ann.ts";
import { failureOf } from "../../support/outcome.ts";
import { ScriptedServer, type Step } from "../../support/scripted-server.ts";
import { session } from "../../support/scripted-session.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();

describe.each([Infinity, 1])("in packets of at most %d octets", (chunk) => {
  const CASES: [string, Step[], (client: Pop3Client) => Promise<unknown>, unknown][] = [
    ["STAT", ["C: STAT", "S: +OK 2 320"], (client) => client.stat(), { count: 2, size: 320 }],
    ["STAT of nothing", ["C: STAT", "S: +OK 0 0"], (client) => client.stat(), { count: 0, size: 0 }],
    [
      "STAT with more fields",
      ["C: STAT", "S: +OK 2  320 octets"],
      (client) => client.stat(),
      { count: 2, size: 320 },
    ],
    [
      "LIST",
      ["C: LIST", "S: +OK 2 messages", "S: 1 120", "S: 2 200", "S: ."],
      (client) => client.list(),
      new Map([
        [1, 120],
        [2, 200],
      ]),
    ],
    ["LIST of nothing", ["C: LIST", "S: +OK", "S: ."], (client) => client.list(), new Map()],
    ["LIST of one", ["C: LIST 2", "S: +OK 2 200"], (client) => client.list(2), 200],
    [
      "LIST with gaps, out of order, padded and with remarks",
      ["C: LIST", "S: +OK", "S: 7  70", "S: 2 20 octets", "S: ."],
      (client) => client.list(),
      new Map([
        [7, 70],
        [2, 20],
      ]),
    ],
    [
      "UIDL",
      ["C: UIDL", "S: +OK", "S: 1 whqtswO00WBw418f9t5JxYwZ", "S: 2 QhdPYR:00WBw1Ph7x7", "S: ."],
      (client) => client.uidl(),
      new Map([
        [1, "whqtswO00WBw418f9t5JxYwZ"],
        [2, "QhdPYR:00WBw1Ph7x7"],
      ]),
    ],
    [
      "UIDL of strange ids",
      [
        "C: UIDL",
        "S: +OK",
        "S: 1 ../../etc/passwd",
        "S: 2 __proto__",
        "S: 3 %s%n",
        "S: 4 a",
        "S: 5 a",
        "S: .",
      ],
      (client) => client.uidl(),
      new Map([
        [1, "../../etc/passwd"],
        [2, "__proto__"],
        [3, "%s%n"],
        [4, "a"],
        [5, "a"],
      ]),
    ],
    ["UIDL of one", ["C: UIDL 2", "S: +OK 2 a.b"], (client) => client.uidl(2), "a.b"],
    [
      "RETR",
      ["C: RETR 1", "S: +OK", "S: a", "S: ..", "S: ."],
      (client) => client.retr(1),
      Buffer.from("a\r\n.\r\n"),
    ],
    ["RETR of nothing", ["C: RETR 1", "S: +OK", "S: ."], (client) => client.retr(1), Buffer.alloc(0)],
    [
      "TOP",
      ["C: TOP 1 0", "S: +OK", "S: a: b", "S: ", "S: ."],
      (client) => client.top(1),
      Buffer.from("a: b\r\n\r\n"),
    ],
    [
      "TOP of lines",
      ["C: TOP 1 2", "S: +OK", "S: ", "S: c", "S: ."],
      (client) => client.top(1, 2),
      Buffer.from("\r\nc\r\n"),
    ],
    ["DELE", ["C: DELE 1", "S: +OK"], (client) => client.dele(1), undefined],
    ["NOOP", ["C: NOOP", "S: +OK"], (client) => client.noop(), undefined],
    ["RSET", ["C: RSET", "S: +OK"], (client) => client.rset(), undefined],
    [
      "CAPA",
      ["C: CAPA", "S: +OK", "S: sasl plain", "S: EXPIRE 30 USER", "S: IMPLEMENTATION a b", "S: ."],
      (client) =>
        client.capa().then(({ sasl, expire, implementation }) => ({ sasl, expire, implementation })),
      { sasl: ["PLAIN"], expire: { days: 30, perUser: true }, implementation: "a b" },
    ],
    [
      "LANG",
      ["C: LANG", "S: +OK", "S: en English", "S: de Deutsch, und mehr", "S: ."],
      (client) => client.lang(),
      [
        { tag: "en", description: "English" },
        { tag: "de", description: "Deutsch, und mehr" },
      ],
    ],
    ["LANG of one", ["C: LANG de", "S: +OK de Gut: ä"], (client) => client.lang("de"), "de Gut: ä"],
    [
      "a custom command",
      ["C: XTND XMIT now", "S: +OK [X-CODE/A] done"],
      (client) => client.command("XTND XMIT now"),
      { text: "done", responseCode: "X-CODE/A", block: undefined },
    ],
    [
      "a custom command with a block",
      ["C: XTND LIST", "S: +OK here", "S: ..a", "S: ."],
      (client) => client.command("XTND LIST", { multiline: true }),
      { text: "here", responseCode: undefined, block: Buffer.from(".a\r\n") },
    ],
  ];

  test.each(CASES)("%s", async (_, script, call, expected) => {
    await session(
      script,
      async (client) => {
        expect(await call(client)).toEqual(expected);
      },
      {},
      { chunk },
    );
  });
});

test("UTF8 is sent before the login", async () => {
  await using server = await ScriptedServer.listen([...offering("UTF8 USER", "USER"), "C: UTF8", "S: +OK"]);
  const client = await Pop3Client.connect(toScript(server));
  expect(client.capabilities.utf8).toEqual({ user: true });
  await client.utf8();
  client.close();
  await server.played();
});

test("-ERR to UTF8 fails the call, and the session continues", async () => {
  const script = [...offering("UTF8 USER", "USER"), "C: UTF8", "S: -ERR not now", "C: CAPA", "S: -ERR"];
  await using server = await ScriptedServer.listen(script);
  const client = await Pop3Client.connect(toScript(server));
  expect(await failureOf(client.utf8())).toMatchObject({ code: "POP3_REFUSED", command: "UTF8" });
  expect(client.state).toBe("authorization");
  await failureOf(client.capa());
  client.close();
  await server.played();
});

const REFUSABLE: [string, string, (client: Pop3Client) => Promise<unknown>][] = [
  ["STAT", "STAT", (client) => client.stat()],
  ["LIST", "LIST", (client) => client.list()],
  ["LIST", "LIST 1", (client) => client.list(1)],
  ["UIDL", "UIDL", (client) => client.uidl()],
  ["UIDL", "UIDL 1", (client) => client.uidl(1)],
  ["RETR", "RETR 1", (client) => client.retr(1)],
  ["TOP", "TOP 1 0", (client) => client.top(1)],
  ["DELE", "DELE 1", (client) => client.dele(1)],
  ["NOOP", "NOOP", (client) => client.noop()],
  ["RSET", "RSET", (client) => client.rset()],
  ["CAPA", "CAPA", (client) => client.capa()],
  ["LANG", "LANG", (client) => client.lang()],
  ["LANG", "LANG de", (client) => client.lang("de")],
  ["XTND", "XTND now", (client) => client.command("XTND now")],
  ["XTND", "XTND now", (client) => client.command("XTND now", { multiline: true })],
];

test.each(REFUSABLE)(
  "-ERR to %s (%s) fails the call, and the session continues",
  async (verb, line, call) => {
    const script = [`C: ${line}`, "S: -ERR [sys/temp] not\x07 now", "C: NOOP", "S: +OK"];
    await session(script, async (client) => {
      const failure = await failureOf(call(client));
      expect(failure).toMatchObject({
        name: "Pop3ReplyError",
        code: "POP3_REFUSED",
        responseCode: "SYS/TEMP",
        text: "not\\x07 now",
        temporary: true,
      });
      expect(failure.command?.startsWith(verb)).toBe(true);
      expect(failure.message).toContain("not\\x07 now");
      expect(client.state).toBe("transaction");
      await client.noop();
      expect(client.marked.size).toBe(0);
    });
  },
);
