// Invalid replies fail the call. Replies that break the protocol end the session for all calls.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { describe, expect, test } from "vitest";
import type { Pop3Client, Pop3MalformedTrace } from "../../../src/index.ts";
import { codeOf, failureOf } from "../../support/outcome.ts";
import type { Step } from "../../support/scripted-server.ts";
import { session } from "../../support/scripted-session.ts";

describe("an invalid reply fails the call, and the session continues", () => {
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
  const UIDLS = ["", "1 b", "0 b", "2 b c", "2 \x7f", "2 é", "2\tb", `2 ${"u".repeat(513)}`];

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
    await session(
      [...script, "C: NOOP", "S: +OK"],
      async (client) => {
        expect(await codeOf(call(client))).toBe(code);
        await client.noop();
      },
      { listings: "strict" },
    );
  });

  test.each<["LIST" | "UIDL", string]>([
    ...LISTS.map((line): ["LIST", string] => ["LIST", line]),
    ...UIDLS.map((line): ["UIDL", string] => ["UIDL", line]),
  ])("by default %s leaves out and reports: %j", async (command, line) => {
    await session([...listing(command, line), "C: NOOP", "S: +OK"], async (client) => {
      const entries = command === "LIST" ? await client.list() : await client.uidl();
      // A line that says something else of message 1 leaves it without a value.
      expect([...entries.keys()]).toEqual(line === "1 b" ? [3] : [1, 3]);
      expect(client.malformed).toMatchObject([{ command }]);
      await client.noop();
    });
  });
});

describe("malformed lines in listings", () => {
  const LISTED = (verb: string, ...lines: string[]): Step[] => [
    ...[`C: ${verb}`, "S: +OK"],
    ...lines.map((line) => Buffer.from(`${line}\r\n`, "latin1")),
    "S: .",
  ];
  const numbersOf = async (client: Pop3Client): Promise<unknown> => {
    const seen: unknown[] = [];
    for await (const message of client.retrieve()) {
      seen.push([message.number, message.uid, message.size]);
      await message.buffer();
    }
    return seen;
  };
  const RETR = (...numbers: number[]): Step[] =>
    numbers.flatMap((number) => [`C: RETR ${String(number)}`, "S: +OK", "S: ."]);

  test("are reported with the reason, without control characters", async () => {
    const lines = ["1 a b", "2 \xff\x1b", `3 ${"u".repeat(513)}`, "4", "x", "6 a", "6 b", "7 ok", "8 x\n9 y"];
    await session([...LISTED("LIST", "1 1", "2 -1"), ...LISTED("UIDL", ...lines)], async (client) => {
      expect(await client.list()).toEqual(new Map([[1, 1]]));
      expect(await client.uidl()).toEqual(new Map([[7, "ok"]]));
      expect(client.malformed.map(({ command, number, reason }) => [command, number, reason])).toEqual([
        ["LIST", 2, "no size"],
        ["UIDL", 1, "space"],
        ["UIDL", 2, "byte"],
        ["UIDL", 3, "length"],
        ["UIDL", 4, "no unique-id"],
        ["UIDL", undefined, "no number"],
        ["UIDL", 6, "repeated"],
        ["UIDL", 8, "line end"],
        ["UIDL", 9, "line end"],
      ]);
      const texts = client.malformed.map(({ text }) => text);
      expect(texts.slice(0, 3)).toEqual(["2 -1", "1 a b", "2 ÿ\\x1b"]);
      expect(texts[3]).toMatch(/^3 u{97}…$/);
    });
  });

  test("are published on the diagnostics channel, without other lines", async () => {
    const heard: Pop3MalformedTrace[] = [];
    const listen = (message: unknown): void => void heard.push(message as Pop3MalformedTrace);
    subscribe("popwright:malformed", listen);
    try {
      await session([...LISTED("LIST", "1 1"), ...LISTED("UIDL", "1 a b", "2 b")], async (client) => {
        await client.list();
        await client.uidl();
        expect(heard).toMatchObject([
          { host: "127.0.0.1", serverAddress: "127.0.0.1", session: client.id, lines: client.malformed },
        ]);
      });
    } finally {
      unsubscribe("popwright:malformed", listen);
    }
  });

  test("are replaced by those of the next listing", async () => {
    await session([...LISTED("UIDL", "1 a b", "2 b"), ...LISTED("UIDL", "1 a", "2 b")], async (client) => {
      await client.uidl();
      expect(client.malformed).toHaveLength(1);
      await client.uidl();
      expect(client.malformed).toEqual([]);
    });
  });

  test.each(["1 a b", "x", "+OK 1 a"])("reject the listing if it has no other lines: %j", async (line) => {
    for (const command of ["LIST", "UIDL"] as const) {
      await session(LISTED(command, line), async (client) => {
        const call = command === "LIST" ? client.list() : client.uidl();
        expect(await codeOf(call)).toBe("POP3_BAD_LISTING");
        expect(client.malformed).toHaveLength(1);
      });
    }
  });

  test.each<[string, list: string[], uidl: string[], seen: unknown[]]>([
    [
      "in LIST",
      ["1 5", "2 x"],
      ["1 a", "2 b"],
      [
        [1, "a", 5],
        [2, "b", undefined],
      ],
    ],
    [
      "in UIDL",
      ["1 5", "2 5"],
      ["1 a", "2 b c"],
      [
        [1, "a", 5],
        [2, undefined, 5],
      ],
    ],
    [
      "in both",
      ["1 5", "2 x"],
      ["1 a", "2 b c"],
      [
        [1, "a", 5],
        [2, undefined, undefined],
      ],
    ],
    [
      "in LIST, without its number",
      ["1 5", "x"],
      ["1 a", "2 b"],
      [
        [1, "a", 5],
        [2, "b", undefined],
      ],
    ],
    ["in LIST only, about a message that does not exist", ["1 5", "404 not found"], ["1 a"], [[1, "a", 5]]],
    ["in all of UIDL", ["1 5"], ["1 b c"], [[1, undefined, 5]]],
    ["in all of LIST", ["1 x"], ["1 a"], [[1, "a", undefined]]],
  ])("hide no message from a loop over all messages: %s", async (_name, list, uidl, seen) => {
    const script = [
      ...LISTED("LIST", ...list),
      ...LISTED("UIDL", ...uidl),
      ...RETR(...seen.map((_, i) => i + 1)),
    ];
    await session(script, async (client) => {
      expect(await numbersOf(client)).toEqual(seen);
    });
  });

  test.each<[string, list: string[], uidl: string[]]>([
    ["no line of LIST can be read", ["x"], ["1 a"]],
    ["no line of UIDL can be read", ["1 5"], ["x"]],
    ["LIST and UIDL have no message in common", ["404 not found"], ["500 internal error"]],
  ])("reject a loop over all messages if %s", async (_name, list, uidl) => {
    const script = [...LISTED("LIST", ...list), ...LISTED("UIDL", ...uidl), "C: NOOP", "S: +OK"];
    await session(script, async (client) => {
      expect(await codeOf(numbersOf(client))).toBe("POP3_BAD_LISTING");
      await client.noop();
    });
  });
});

describe("a reply that breaks the protocol ends the session for all calls", () => {
  const endless = (line: string): Buffer => Buffer.from(line.repeat(Math.ceil(100_000 / line.length)));

  test.each<[string, Step[], (client: Pop3Client) => Promise<unknown>, string]>([
    [
      "an answer for another message",
      ["C: LIST 1", "S: +OK 2 5"],
      (client) => client.list(1),
      "POP3_PROTOCOL",
    ],
    ["an id of another message", ["C: UIDL 1", "S: +OK 2 a"], (client) => client.uidl(1), "POP3_PROTOCOL"],
    ["text that is not a reply", ["C: STAT", "S: WHAT 1"], (client) => client.stat(), "POP3_PROTOCOL"],
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
      "a message without an end",
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
        // All calls have one cause. Only the call whose message was cut short says so; later ones say "closed".
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
      "a reply after a message",
      ["C: RETR 1", "S: +OK", "S: a", "S: .", "S: +OK"],
      (client) => client.retr(1),
      Buffer.from("a\r\n"),
    ],
    [
      "a second end of a message",
      ["C: RETR 1", "S: +OK", "S: a", "S: .", "S: ."],
      (client) => client.retr(1),
      Buffer.from("a\r\n"),
    ],
  ])("%s that no command asked for", async (_, script, call, expected) => {
    await session(script, async (client) => {
      // The answer itself was right.
      expect(await call(client)).toEqual(expected);
      expect(client.state).toBe("closed");
      await expect(client.noop()).rejects.toMatchObject({ code: "POP3_UNSOLICITED", command: "NOOP" });
    });
  });
});
