/** What each command sends, what it makes of the reply, and whose answer is whose. */
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "../../src/index.ts";
import { auth, listen, LOGGED_IN, logIn, offering, said, toScript } from "./ann.ts";
import { codeOf, failureOf } from "./outcome.ts";
import { ScriptedServer, type ScriptOptions, type Step } from "./scripted-server.ts";

/** Plays the script behind a login, while `use` has the client. */
async function session(
  script: readonly Step[],
  use: (client: Pop3Client) => Promise<void>,
  more: Partial<Pop3ClientOptions> = {},
  how: ScriptOptions = {},
): Promise<void> {
  await using server = await ScriptedServer.listen([...LOGGED_IN, ...script], how);
  const client = await Pop3Client.connect(toScript(server, { auth, ...more }));
  await use(client);
  client.close();
  await server.played();
}

describe.each([Infinity, 1])("in packets of at most %d octets", (chunk) => {
  const CASES: [string, Step[], (client: Pop3Client) => Promise<unknown>, unknown][] = [
    ["STAT", ["C: STAT", "S: +OK 2 320"], (client) => client.stat(), { count: 2, size: 320 }],
    ["STAT of nothing", ["C: STAT", "S: +OK 0 0"], (client) => client.stat(), { count: 0, size: 0 }],
    [
      "STAT and more",
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
      "a command of one's own",
      ["C: XTND XMIT now", "S: +OK [X-CODE/A] done"],
      (client) => client.command("XTND XMIT now"),
      { text: "done", responseCode: "X-CODE/A", block: undefined },
    ],
    [
      "a command of one's own, with a block",
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

test("UTF8, before the login", async () => {
  await using server = await ScriptedServer.listen([...offering("UTF8 USER", "USER"), "C: UTF8", "S: +OK"]);
  const client = await Pop3Client.connect(toScript(server));
  expect(client.capabilities.utf8).toEqual({ user: true });
  await client.utf8();
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

test.each(REFUSABLE)("-ERR to %s (%s): the call fails, the session lives", async (verb, line, call) => {
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
});

describe("what makes no sense fails the call, and the session lives", () => {
  const listing = (verb: string, line: string): Step[] => [
    `C: ${verb}`,
    "S: +OK",
    "S: 1 1",
    `S: ${line}`,
    "S: 3 3",
    "S: .",
  ];
  const STATS = [
    "",
    "-1 -5",
    "x y",
    "2",
    "1e3 1",
    "0x1 1",
    "4294967297 99999999999999999999",
    "2 3x",
    " 1 2x",
  ];
  const LISTS = [
    "",
    "1 1",
    "2",
    "2 ",
    "2  ",
    "0 1",
    "-1 1",
    "2 x",
    "2 -1",
    "x",
    "2\t2",
    " 2 2",
    "2 99999999999999999",
  ];
  const UIDLS = ["", "1 b", "2", "2 ", "0 b", "2 b c", "2 \x7f", "2 é", "2\tb", `2 ${"u".repeat(71)}`];

  test.each<[string, Step[], (client: Pop3Client) => Promise<unknown>, string]>([
    ...STATS.map((reply): [string, Step[], (client: Pop3Client) => Promise<unknown>, string] => [
      `STAT: ${reply}`,
      ["C: STAT", `S: +OK ${reply}`],
      (client) => client.stat(),
      "POP3_BAD_RESPONSE",
    ]),
    ...LISTS.map((line): [string, Step[], (client: Pop3Client) => Promise<unknown>, string] => [
      `LIST: ${line}`,
      listing("LIST", line),
      (client) => client.list(),
      "POP3_BAD_LISTING",
    ]),
    ...UIDLS.map((line): [string, Step[], (client: Pop3Client) => Promise<unknown>, string] => [
      `UIDL: ${line}`,
      listing("UIDL", line),
      (client) => client.uidl(),
      "POP3_BAD_LISTING",
    ]),
    ["LIST 1", ["C: LIST 1", "S: +OK 1"], (client) => client.list(1), "POP3_BAD_RESPONSE"],
    ["UIDL 1", ["C: UIDL 1", "S: +OK 1 a b"], (client) => client.uidl(1), "POP3_BAD_RESPONSE"],
  ])("%s", async (_, script, call, code) => {
    await session([...script, "C: NOOP", "S: +OK"], async (client) => {
      expect(await codeOf(call(client))).toBe(code);
      await client.noop();
    });
  });
});

describe("what breaks the protocol ends the session, for everyone", () => {
  const endless = (line: string): Buffer => Buffer.from(line.repeat(Math.ceil(100_000 / line.length)));

  test.each<[string, Step[], (client: Pop3Client) => Promise<unknown>, string]>([
    [
      "an answer for another message",
      ["C: LIST 1", "S: +OK 2 5"],
      (client) => client.list(1),
      "POP3_PROTOCOL",
    ],
    ["an id of another message", ["C: UIDL 1", "S: +OK 2 a"], (client) => client.uidl(1), "POP3_PROTOCOL"],
    ["no reply", ["C: STAT", "S: WHAT 1"], (client) => client.stat(), "POP3_PROTOCOL"],
    ["an empty line", ["C: STAT", "S: "], (client) => client.stat(), "POP3_PROTOCOL"],
    ["lower case", ["C: STAT", "S: -err no"], (client) => client.stat(), "POP3_PROTOCOL"],
    ["a challenge", ["C: STAT", "S: + go on"], (client) => client.stat(), "POP3_PROTOCOL"],
    ["a NUL", ["C: STAT", "S: +OK 1\0 1"], (client) => client.stat(), "POP3_PROTOCOL"],
    ["LF alone", ["C: STAT", Buffer.from("+OK 1 1\n")], (client) => client.stat(), "POP3_PROTOCOL"],
    [
      "a long line",
      ["C: STAT", `S: +OK ${"1".repeat(9000)}`],
      (client) => client.stat(),
      "POP3_LINE_TOO_LONG",
    ],
    [
      "a long unique-id",
      ["C: UIDL", "S: +OK", `S: 1 ${"u".repeat(9000)}`],
      (client) => client.uidl(),
      "POP3_LINE_TOO_LONG",
    ],
    ["FIN", ["C: STAT", "* close"], (client) => client.stat(), "POP3_CLOSED"],
    ["FIN in a line", ["C: STAT", Buffer.from("+OK 1"), "* close"], (client) => client.stat(), "POP3_CLOSED"],
    ["RST", ["C: STAT", "* reset"], (client) => client.stat(), "POP3_RESET"],
    [
      "FIN in a listing",
      ["C: LIST", "S: +OK", "S: 1 1", "* close"],
      (client) => client.list(),
      "POP3_TRUNCATED",
    ],
    [
      "FIN in a message",
      ["C: RETR 1", "S: +OK", "S: a", "* close"],
      (client) => client.retr(1),
      "POP3_TRUNCATED",
    ],
    [
      "FIN in the end of a message",
      ["C: RETR 1", "S: +OK", Buffer.from("a\r\n.\r"), "* close"],
      (client) => client.retr(1),
      "POP3_TRUNCATED",
    ],
    [
      "a message without end",
      ["C: RETR 1", "S: +OK", endless("a\r\n")],
      (client) => client.retr(1),
      "POP3_MESSAGE_TOO_LARGE",
    ],
  ])("%s", async (_, script, call, code) => {
    await session(
      script,
      async (client) => {
        const first = failureOf(call(client));
        const second = client.noop();
        second.catch(() => undefined);
        const failure = await first;
        expect(failure.code).toBe(code);
        expect(client.state).toBe("closed");
        const next = await failureOf(second);
        const later = await failureOf(client.stat());
        // One cause for all of them; who waits behind a message that is cut short was not cut short itself.
        expect([code, "POP3_CLOSED"]).toContain(next.code);
        expect(next.command).toBe("NOOP");
        expect(later.code).toBe(next.code);
        expect(later.command).toBe("STAT");
      },
      { limits: { message: 64 * 1024 } },
    );
  });

  test.each<[string, Step[], (client: Pop3Client) => Promise<unknown>, unknown]>([
    [
      "a reply",
      ["C: STAT", Buffer.from("+OK 1 140\r\n+OK extra\r\n")],
      (client) => client.stat(),
      { count: 1, size: 140 },
    ],
    [
      "a single octet",
      ["C: STAT", Buffer.from("+OK 1 140\r\n\r")],
      (client) => client.stat(),
      { count: 1, size: 140 },
    ],
    [
      "a reply behind a message",
      ["C: RETR 1", "S: +OK", "S: a", "S: .", "S: +OK"],
      (client) => client.retr(1),
      Buffer.from("a\r\n"),
    ],
    [
      "a second end",
      ["C: RETR 1", "S: +OK", "S: a", "S: .", "S: ."],
      (client) => client.retr(1),
      Buffer.from("a\r\n"),
    ],
  ])("what nobody asked for: %s", async (_, script, call, expected) => {
    await session(script, async (client) => {
      // The answer itself was right.
      expect(await call(client)).toEqual(expected);
      expect(client.state).toBe("closed");
      await expect(client.noop()).rejects.toMatchObject({ code: "POP3_UNSOLICITED", command: "NOOP" });
    });
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

describe("pipelining", () => {
  const PIPELINED: readonly string[] = [
    ...offering("USER", "PIPELINING"),
    ...["C: USER ann", "S: +OK", "C: PASS secret", "S: +OK", "C: CAPA", "S: -ERR"],
  ];

  test("each answer is its own, and only the refused one is refused", async () => {
    await using server = await ScriptedServer.listen([
      ...PIPELINED,
      ...["C: LIST 1", "C: LIST 2", "C: RETR 3", "C: UIDL 4", "C: NOOP"],
      ...["S: +OK 1 10", "S: -ERR no such message", "S: +OK", "S: three", "S: .", "S: +OK 4 four", "S: +OK"],
    ]);
    const client = await Pop3Client.connect(toScript(server, { auth }));
    const results = await Promise.allSettled([
      client.list(1),
      client.list(2),
      client.retr(3),
      client.uidl(4),
      client.noop(),
    ]);
    expect(results.map((result) => (result.status === "fulfilled" ? result.value : "refused"))).toEqual([
      10,
      "refused",
      Buffer.from("three\r\n"),
      "four",
      undefined,
    ]);
    client.close();
    await server.played();
  });

  test("the connection dies: those that were answered have their answers, the others reject in order", async () => {
    await using server = await ScriptedServer.listen([
      ...PIPELINED,
      ...["C: NOOP", "C: LIST 1", "C: STAT", "C: STAT", "S: +OK", "S: +OK 1 10", "* close"],
    ]);
    const client = await Pop3Client.connect(toScript(server, { auth }));
    const order: string[] = [];
    const calls = [client.noop(), client.list(1), client.stat(), client.stat(), client.quit()];
    await Promise.all(
      calls.map((call, index) => codeOf(call).then((code) => order.push(`${String(index)} ${code}`))),
    );
    expect(order).toEqual(["0 resolved", "1 resolved", "2 POP3_CLOSED", "3 POP3_CLOSED", "4 POP3_CLOSED"]);
    await server.played();
  });

  test("is not used when it was switched off", async () => {
    await using server = await ScriptedServer.listen(
      [...PIPELINED, "C: NOOP", "S: +OK", "C: STAT", "S: +OK 0 0", "C: NOOP", "S: +OK"],
      { lockstep: true },
    );
    const client = await Pop3Client.connect(toScript(server, { auth, pipelining: false }));
    await Promise.all([client.noop(), client.stat(), client.noop()]);
    client.close();
    await server.played();
  });

  test("ten thousand commands at once", async () => {
    await using server = await listen({
      messages: Array.from({ length: 100 }, (_, index) => `${String(index + 1)}\r\n`),
    });
    await using client = await logIn(server);
    const calls = Array.from({ length: 10_000 }, (_, index) =>
      index % 100 === 99 ? client.retr((index % 97) + 1) : client.uidl((index % 100) + 1),
    );
    const answers = await Promise.all(calls);
    expect(answers.map(String)).toEqual(
      Array.from({ length: 10_000 }, (_, index) =>
        index % 100 === 99 ? `${String((index % 97) + 1)}\r\n` : `uid-${String((index % 100) + 1)}`,
      ),
    );
    await client.quit();
    expect(said(server).filter((line) => line === "C: UIDL 1")).toHaveLength(100);
  });
});
