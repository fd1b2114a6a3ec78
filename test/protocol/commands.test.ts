// Every command: its exact line, its printable form, and how its reply is parsed.
import { inspect } from "node:util";
import fc from "../support/fast-check.ts";
import { describe, expect, test } from "vitest";
import { Pop3Error } from "../../src/errors.ts";
import { SmallBlock, type BlockReader } from "../../src/protocol/block.ts";
import * as commands from "../../src/protocol/commands.ts";
import type { BlockCommand, Command, CommandLimits, LineCommand } from "../../src/protocol/commands.ts";
import { parseReply, type Reply } from "../../src/protocol/reply.ts";
import { always, octets, text } from "../support/octets.ts";

const LIMITS: CommandLimits = {
  commandLine: 255,
  capabilityLines: 256,
  capabilityOctets: 65_536,
  message: 1024 * 1024,
};
const LISTING = { entries: 10, octets: 1000, line: 100 };
const DIGEST = "c4c9334bac560ecc979e58001b3e22fb";
const withCode = (code: string): Error => expect.objectContaining({ code }) as Error;
const INVALID = withCode("POP3_INVALID_ARGUMENT");

const reply = (line: string): Reply => parseReply(octets(line)) as Reply;
const body = (): BlockReader<string> => new SmallBlock(100, text);

function readBlock<T>(command: BlockCommand<T>, wire: string | Buffer, status = "+OK"): T {
  const reader = command.block(octets(status));
  reader.octets(typeof wire === "string" ? octets(wire) : wire);
  return reader.end();
}

interface Said {
  readonly line: string;
  readonly printable?: string;
  readonly subject?: string;
  readonly alone?: boolean;
  readonly refused?: string;
  readonly challenge?: boolean;
  readonly small?: boolean;
  readonly multiline?: boolean;
  readonly message?: boolean;
  readonly secrets?: readonly string[];
}

// Only what is not the rule is named: printed as it is sent, not alone, POP3_REFUSED, one line, nothing secret.
const TABLE: readonly (readonly [() => Command<unknown>, Said])[] = [
  [() => commands.stat(), { line: "STAT" }],
  [() => commands.noop(), { line: "NOOP" }],
  [() => commands.rset(), { line: "RSET" }],
  [() => commands.dele(7), { line: "DELE 7" }],
  [() => commands.quit(), { line: "QUIT", alone: true }],
  [() => commands.stls(), { line: "STLS", alone: true }],
  [() => commands.utf8(), { line: "UTF8", alone: true }],
  [() => commands.list(LISTING), { line: "LIST", multiline: true }],
  [() => commands.listOne(3), { line: "LIST 3" }],
  [() => commands.uidl(LISTING), { line: "UIDL", multiline: true }],
  [() => commands.uidlOne(3), { line: "UIDL 3" }],
  [() => commands.retr(12, body), { line: "RETR 12", multiline: true, message: true }],
  [() => commands.top(12, 0, body), { line: "TOP 12 0", multiline: true, message: true }],
  [() => commands.top(1, 99_999_999, body), { line: "TOP 1 99999999", multiline: true, message: true }],
  [() => commands.capa(LIMITS), { line: "CAPA", multiline: true, small: true }],
  [() => commands.langList(LIMITS), { line: "LANG", multiline: true, small: true }],
  [() => commands.lang("de-AT", LIMITS), { line: "LANG de-AT" }],
  [() => commands.lang("*", LIMITS), { line: "LANG *" }],
  [() => commands.user("ann", LIMITS), { line: "USER ann", refused: "POP3_AUTH_REJECTED" }],
  [
    () => commands.user("ann lee@größe", LIMITS),
    { line: "USER ann lee@größe", refused: "POP3_AUTH_REJECTED" },
  ],
  [
    () => commands.pass("tan staaf", LIMITS),
    {
      line: "PASS tan staaf",
      printable: "PASS ****",
      alone: true,
      refused: "POP3_AUTH_REJECTED",
      secrets: ["tan staaf"],
    },
  ],
  [
    () => commands.pass(" ", LIMITS),
    { line: "PASS  ", printable: "PASS ****", alone: true, refused: "POP3_AUTH_REJECTED", secrets: [" "] },
  ],
  [
    () => commands.apop("mrose", DIGEST, LIMITS),
    {
      line: `APOP mrose ${DIGEST}`,
      printable: "APOP mrose ****",
      alone: true,
      refused: "POP3_AUTH_REJECTED",
      secrets: [DIGEST],
    },
  ],
  [
    () => commands.auth("SCRAM-SHA-256", undefined, LIMITS),
    { line: "AUTH SCRAM-SHA-256", alone: true, refused: "POP3_AUTH_REJECTED", challenge: true },
  ],
  [
    () => commands.auth("PLAIN", "AHRpbQB0YW5zdGFhZg==", LIMITS),
    {
      line: "AUTH PLAIN AHRpbQB0YW5zdGFhZg==",
      printable: "AUTH PLAIN ****",
      alone: true,
      refused: "POP3_AUTH_REJECTED",
      challenge: true,
      secrets: ["AHRpbQB0YW5zdGFhZg=="],
    },
  ],
  [
    () => commands.auth("EXTERNAL", "=", LIMITS),
    {
      line: "AUTH EXTERNAL =",
      printable: "AUTH EXTERNAL ****",
      alone: true,
      refused: "POP3_AUTH_REJECTED",
      challenge: true,
      secrets: ["="],
    },
  ],
  [
    () => commands.authResponse("dGFuc3RhYWY="),
    {
      line: "dGFuc3RhYWY=",
      printable: "****",
      subject: "the login",
      alone: true,
      refused: "POP3_AUTH_REJECTED",
      challenge: true,
      secrets: ["dGFuc3RhYWY="],
    },
  ],
  [
    () => commands.authResponse("*"),
    { line: "*", subject: "the login", alone: true, refused: "POP3_AUTH_REJECTED", challenge: true },
  ],
  [
    () => commands.authResponse(""),
    {
      line: "",
      printable: "****",
      subject: "the login",
      alone: true,
      refused: "POP3_AUTH_REJECTED",
      challenge: true,
      secrets: [""],
    },
  ],
  [() => commands.custom("XTND", false, LIMITS), { line: "XTND" }],
  [() => commands.custom("xtnd secret", false, LIMITS), { line: "xtnd secret", printable: "XTND ****" }],
  [() => commands.custom("XTND\tsecret", false, LIMITS), { line: "XTND\tsecret", printable: "XTND ****" }],
  [() => commands.custom("XTND ", true, LIMITS), { line: "XTND ", printable: "XTND ****", multiline: true }],
  [() => commands.custom("STAT", false, LIMITS), { line: "STAT" }],
  [
    () => commands.greeting(),
    { line: "", printable: "the greeting", alone: true, refused: "POP3_GREETING_REJECTED" },
  ],
];

test.each(TABLE.map(([make, said]) => [said.printable ?? said.line, make, said] as const))(
  "%s",
  (_, make, said) => {
    const command = make();
    expect({
      line: command.line,
      printable: command.printable,
      subject: command.subject,
      alone: command.alone ?? false,
      refused: command.refused ?? "POP3_REFUSED",
      challenge: command.block === undefined && command.challenge === true,
      small: command.block !== undefined && command.small === true,
      multiline: command.block !== undefined,
      message: command.block !== undefined && command.message === true,
      secrets: command.secrets ?? [],
    }).toEqual({
      printable: said.line,
      alone: false,
      refused: "POP3_REFUSED",
      challenge: false,
      small: false,
      multiline: false,
      message: false,
      secrets: [],
      ...said,
    });
  },
);

const EITHER = ["authorization", "transaction"];
/** The states in which RFC 1939, 2449, 2595, 5034 and 6856 allow a command. */
const STATES: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    ["USER", "PASS", "APOP", "AUTH", "STLS", "UTF8"].map((verb) => [verb, ["authorization"]]),
  ),
  ...Object.fromEntries(
    ["STAT", "LIST", "UIDL", "NOOP", "RETR", "TOP", "DELE", "RSET"].map((verb) => [verb, ["transaction"]]),
  ),
  ...Object.fromEntries(["CAPA", "QUIT", "LANG", "XTND"].map((verb) => [verb, EITHER])),
};

test("every command carries the states that allow it", () => {
  const tested = new Set<string>();
  for (const [make] of TABLE) {
    const { line, states } = make();
    const verb = (line.split(/\s/)[0] ?? "").toUpperCase();
    if (!Object.hasOwn(STATES, verb)) continue;
    tested.add(verb);
    expect([verb, ...states]).toEqual([verb, ...(STATES[verb] ?? [])]);
  }
  expect([...tested].sort()).toEqual(Object.keys(STATES).sort());
  expect(commands.bare("TOP")).toEqual({ states: ["transaction"], printable: "TOP" });
  expect(commands.authResponse("*").states).toEqual(["authorization"]);
  expect(commands.greeting().states).toEqual(["disconnected"]);
});

describe("the caller's charset", () => {
  const encode = (text: string): Buffer => octets(text);

  test("encodes the lines of USER and PASS only", () => {
    expect(commands.user("J\xfcrgen", LIMITS, encode).encoded).toEqual(octets("USER J\xfcrgen"));
    expect(commands.pass("Gr\xf6\xdfe", LIMITS, encode).encoded).toEqual(octets("PASS Gr\xf6\xdfe"));
    expect(commands.user("J\xfcrgen", LIMITS).encoded).toBeUndefined();
    expect(commands.pass("Gr\xf6\xdfe", LIMITS).encoded).toBeUndefined();
  });

  test("counts the octets of the encoded line", () => {
    expect(commands.user("\xf6".repeat(248), LIMITS, encode).encoded).toHaveLength(253);
    expect(() => commands.user("\xf6".repeat(249), LIMITS, encode)).toThrow(
      withCode("POP3_COMMAND_TOO_LONG"),
    );
  });
});

test("a refusal of APOP comes with advice, as the same password may be right for USER", () => {
  expect(commands.apop("ann", DIGEST, LIMITS).advice).toBe(
    'many servers print a timestamp although they store no password for APOP: try mechanism: "USER"',
  );
  expect(commands.user("ann", LIMITS).advice).toBeUndefined();
});

test("escapes control characters of a user name in the printable form", () => {
  expect(commands.user("ann\x1b[2J", LIMITS).printable).toBe("USER ann\\x1b[2J");
  expect(commands.apop("ann\x1b[2J", DIGEST, LIMITS).printable).toBe("APOP ann\\x1b[2J ****");
});

test.each([
  [() => commands.dele(0), "the message number must be an integer >= 1 (got 0)"],
  [() => commands.top(1, -1, body), "the number of lines must be an integer >= 0 (got -1)"],
  [
    () => commands.lang("", LIMITS),
    'the language must be a language tag such as "en" or "de-CH", or "*" for the default (got an empty string)',
  ],
  [() => commands.user("", LIMITS), "the user name must be a non-empty string (got an empty string)"],
  [
    () => commands.user(5 as unknown as string, LIMITS),
    "the user name must be a non-empty string (got a value of type number)",
  ],
  [() => commands.user("\n", LIMITS), "the user name must not contain CR, LF or NUL"],
  [() => commands.pass("", LIMITS), "the password must be a non-empty string (got an empty string)"],
  [() => commands.pass("\0", LIMITS), "the password must not contain CR, LF or NUL"],
  [() => commands.apop("", DIGEST, LIMITS), "the user name must be a non-empty string (got an empty string)"],
  [
    () => commands.apop("a b", DIGEST, LIMITS),
    "the user name must not contain white space for APOP; use another mechanism",
  ],
  [
    () => commands.auth("plain", undefined, LIMITS),
    "the name of a SASL mechanism must be 1 to 20 characters of A-Z, 0-9, - and _ (RFC 4422)",
  ],
  [() => commands.custom("", false, LIMITS), "the command must be a non-empty string (got an empty string)"],
  [() => commands.custom("a\rb", false, LIMITS), "the command must not contain CR, LF or NUL"],
  [
    () => commands.custom(" ", false, LIMITS),
    "the command must begin with its name, without a space before it",
  ],
  [
    () => commands.custom("dele 1", false, LIMITS),
    "DELE is not allowed as a custom command: it changes the session; use the client's method",
  ],
])("the error says what is wrong: %s", (call, message) => {
  expect(call).toThrow(expect.objectContaining({ code: "POP3_INVALID_ARGUMENT", message }) as Error);
});

describe("rejects before it makes a line", () => {
  test.each([
    0,
    -1,
    -0,
    1.5,
    NaN,
    Infinity,
    Number.MAX_SAFE_INTEGER + 1,
    "1",
    "1\r\nDELE 2",
    null,
    undefined,
    [1],
    {},
  ])("%o as a message number", (value) => {
    const number = value as number;
    expect(() => commands.dele(number)).toThrow(INVALID);
    expect(() => commands.listOne(number)).toThrow(INVALID);
    expect(() => commands.uidlOne(number)).toThrow(INVALID);
    expect(() => commands.retr(number, body)).toThrow(INVALID);
    expect(() => commands.top(number, 0, body)).toThrow(INVALID);
  });

  test("writes all digits of the largest message number", () => {
    expect(commands.retr(Number.MAX_SAFE_INTEGER, body).line).toBe("RETR 9007199254740991");
  });

  test.each([-1, 0.5, NaN, Infinity, "0", "0\r\nQUIT", null, undefined])(
    "%o as a number of lines",
    (value) => {
      expect(() => commands.top(1, value as number, body)).toThrow(INVALID);
    },
  );

  test.each(["a\rb", "a\nb", "a\r\nDELE 1", "a\0b", "\r", "\n", "\0", "", undefined, null, 5, ["a"]])(
    "%j as an argument",
    (value) => {
      const argument = value as string;
      expect(() => commands.user(argument, LIMITS)).toThrow(INVALID);
      expect(() => commands.pass(argument, LIMITS)).toThrow(INVALID);
      expect(() => commands.apop(argument, DIGEST, LIMITS)).toThrow(INVALID);
      expect(() => commands.custom(argument, false, LIMITS)).toThrow(INVALID);
      expect(() => commands.custom(argument, true, LIMITS)).toThrow(INVALID);
    },
  );

  test.each(["ann lee", "ann\t", " ann", "ann\u00a0"])("%j as a user name for APOP", (name) => {
    expect(() => commands.apop(name, DIGEST, LIMITS)).toThrow(INVALID);
  });

  test.each(["", "plain", "PLAIN LOGIN", "PLAIN\r\n", "A".repeat(21), "X.Y", "PLÄIN"])(
    "%j as the name of a mechanism",
    (name) => {
      expect(() => commands.auth(name, undefined, LIMITS)).toThrow(INVALID);
    },
  );

  test.each(["", "de AT", "de\r\n", "de_AT", "ä", "x".repeat(81), "de\n", 5, ["de"], undefined])(
    "%j as a language tag",
    (tag) => {
      expect(() => commands.lang(tag as string, LIMITS)).toThrow(INVALID);
    },
  );

  test.each([" STAT", "\tSTAT", "ÄXTND", "\u00a0STAT", "   "])("%j as a custom command", (line) => {
    expect(() => commands.custom(line, false, LIMITS)).toThrow(INVALID);
  });

  test.each("USER,PASS,APOP,AUTH,STLS,QUIT,RSET,DELE,UTF8,RETR,TOP,CAPA".split(","))(
    "%s as a custom command, because it changes the session",
    (verb) => {
      const lines = [verb, verb.toLowerCase(), `${verb} x`, `${verb}\tx`, `${verb}\u00a0x`];
      for (const line of lines) {
        expect(() => commands.custom(line, false, LIMITS)).toThrow(INVALID);
        expect(() => commands.custom(line, true, LIMITS)).toThrow(INVALID);
      }
    },
  );
});

describe("the limit of 255 octets in RFC 2449 section 4, CRLF included", () => {
  const TOO_LONG = withCode("POP3_COMMAND_TOO_LONG");

  test.each([
    ["USER", (size: number) => commands.user("x".repeat(size - 7), LIMITS)],
    ["PASS", (size: number) => commands.pass("x".repeat(size - 7), LIMITS)],
    ["APOP", (size: number) => commands.apop("x".repeat(size - 40), DIGEST, LIMITS)],
    ["AUTH", (size: number) => commands.auth("PLAIN", "x".repeat(size - 13), LIMITS)],
    ["a custom command", (size: number) => commands.custom(`X ${"x".repeat(size - 4)}`, false, LIMITS)],
    ["one with a block", (size: number) => commands.custom(`X ${"x".repeat(size - 4)}`, true, LIMITS)],
  ] satisfies [string, (size: number) => Command<unknown>][])(
    "accepts %s at the limit, and rejects it one octet beyond",
    (_, command) => {
      expect(Buffer.byteLength(command(255).line) + 2).toBe(255);
      expect(() => command(256)).toThrow(TOO_LONG);
    },
  );

  test("names the limit and the printable form of the command in its error", () => {
    const message = "the command line must be at most 255 bytes, CRLF included (limits.commandLine)";
    expect(() => commands.pass("x".repeat(300), LIMITS)).toThrow(
      expect.objectContaining({ message, command: "PASS ****" }) as Error,
    );
  });

  test("counts octets, not characters", () => {
    expect(commands.user("ö".repeat(124), LIMITS).line).toHaveLength(129);
    expect(() => commands.user(`${"ö".repeat(124)}x`, LIMITS)).toThrow(TOO_LONG);
  });

  test("does not apply to a response to a challenge (RFC 5034 section 4)", () => {
    expect(commands.authResponse("A".repeat(16_384)).line).toHaveLength(16_384);
  });

  test("can be set by the caller", () => {
    const limits = { ...LIMITS, commandLine: 20 };
    expect(commands.lang("x".repeat(13), limits).line).toHaveLength(18);
    expect(() => commands.lang("x".repeat(14), limits)).toThrow(TOO_LONG);
  });
});

describe("a secret", () => {
  /** What may become public of a call: what is printed of its command, or all that its error shows. */
  function shown(call: () => Command<unknown>): string {
    try {
      return call().printable;
    } catch (error) {
      if (!(error instanceof Pop3Error)) throw error;
      return inspect(error, { depth: 5, showHidden: true }) + JSON.stringify(error);
    }
  }

  test("appears in no printable form and in no error", () => {
    const piece = fc.oneof(
      fc.string({ maxLength: 30 }),
      fc.constantFrom("\r", "\n", "\0", "****", " ", "ö", "x".repeat(300)),
    );
    const secret = fc.array(piece, { maxLength: 4 }).map((pieces) => `hunter2${pieces.join("")}hunter2`);
    always(
      secret,
      (secret) => {
        const calls = [
          () => commands.pass(secret, LIMITS),
          () => commands.apop("ann", secret, LIMITS),
          () => commands.auth("PLAIN", secret, LIMITS),
          () => commands.authResponse(secret),
          () => commands.custom(`XAUTH ${secret}`, false, LIMITS),
          () => commands.custom(`PASS ${secret}`, false, LIMITS),
          () => commands.custom(`XAUTH ${secret}`, true, LIMITS),
        ];
        for (const call of calls) expect(shown(call)).not.toContain("hunter2");
      },
      300,
    );
  });
});

describe("the parser of a reply", () => {
  test("reads STAT, and LIST and UIDL with a number", () => {
    expect(commands.stat().parse(reply("+OK 2 320"))).toEqual({ count: 2, size: 320 });
    expect(commands.listOne(2).parse(reply("+OK 2 200"))).toBe(200);
    expect(commands.uidlOne(2).parse(reply("+OK 2 abc"))).toBe("abc");
    expect(() => commands.listOne(1).parse(reply("+OK 2 200"))).toThrow(withCode("POP3_PROTOCOL"));
    expect(() => commands.uidlOne(1).parse(reply("+OK 2 abc"))).toThrow(withCode("POP3_PROTOCOL"));
  });

  test.each<[string, () => LineCommand<unknown>]>([
    ["NOOP", () => commands.noop()],
    ["RSET", () => commands.rset()],
    ["DELE 1", () => commands.dele(1)],
    ["STLS", () => commands.stls()],
    ["UTF8", () => commands.utf8()],
    ["USER a", () => commands.user("a", LIMITS)],
    ["PASS a", () => commands.pass("a", LIMITS)],
    ["APOP a", () => commands.apop("a", DIGEST, LIMITS)],
  ])("returns nothing for %s", (_, make) => {
    const command = make();
    const parse: (reply: Reply) => unknown = (reply) => command.parse(reply);
    expect(parse(reply("+OK 1 2 3"))).toBeUndefined();
  });

  test("returns the text of QUIT and LANG", () => {
    expect(commands.quit().parse(reply("+OK bye"))).toBe("bye");
    expect(commands.lang("de", LIMITS).parse(reply("+OK de Deutsch"))).toBe("de Deutsch");
  });

  test("returns the whole reply of AUTH, of the greeting and of a custom command", () => {
    const answer = reply("+OK [X-Y] words");
    expect(commands.auth("PLAIN", undefined, LIMITS).parse(answer)).toEqual(answer);
    expect(commands.authResponse("*").parse(answer)).toEqual(answer);
    expect(commands.greeting().parse(answer)).toEqual(answer);
    expect(commands.custom("XTND", false, LIMITS).parse(answer)).toEqual({
      status: "ok",
      responseCode: "X-Y",
      text: "words",
    });
  });

  test("reads LIST and UIDL", () => {
    expect(readBlock(commands.list(LISTING), "1 120\r\n2 200\r\n").toMap()).toEqual(
      new Map([
        [1, 120],
        [2, 200],
      ]),
    );
    expect(readBlock(commands.uidl(LISTING), "1 a\r\n2 b\r\n").toMap()).toEqual(
      new Map([
        [1, "a"],
        [2, "b"],
      ]),
    );
  });

  test("reads each block of RETR and TOP with a new reader", () => {
    const readers: BlockReader<string>[] = [];
    const reading = (): BlockReader<string> => {
      const reader = body();
      readers.push(reader);
      return reader;
    };
    const retr = commands.retr(1, reading);
    expect(readBlock(retr, "a\r\n", "+OK 3 octets")).toBe("a\r\n");
    expect(readBlock(retr, "b\r\n")).toBe("b\r\n");
    expect(readBlock(commands.top(1, 0, reading), "c\r\n", "+OK top")).toBe("c\r\n");
    expect(new Set(readers).size).toBe(3);
  });

  test("returns the octets of a custom block with its reply", () => {
    const command = commands.custom("XLST", true, LIMITS);
    expect(readBlock(command, "\0\xff\r\n", "+OK [X] a")).toEqual({
      status: "ok",
      responseCode: "X",
      text: "a",
      block: octets("\0\xff\r\n"),
    });
    const small = commands.custom("XLST", true, { ...LIMITS, message: 3 });
    expect(readBlock(small, "a\r\n").block).toEqual(octets("a\r\n"));
    expect(() => readBlock(small, "ab\r\n")).toThrow(withCode("POP3_RESPONSE_TOO_LARGE"));
  });

  test("starts with an empty block each time a command is used", () => {
    const command = commands.list(LISTING);
    expect(readBlock(command, "1 1\r\n").toMap()).toEqual(new Map([[1, 1]]));
    expect(readBlock(command, "1 1\r\n").toMap()).toEqual(new Map([[1, 1]]));
  });
});

describe("CAPA", () => {
  test("returns capabilities, and reads their text as UTF-8 if it is valid", () => {
    expect(readBlock(commands.capa(LIMITS), "TOP\r\nUIDL\r\n")).toMatchObject({
      top: true,
      uidl: true,
      user: false,
    });
    const implementation = (wire: Buffer): string | undefined =>
      readBlock(commands.capa(LIMITS), Buffer.concat([octets("IMPLEMENTATION "), wire, octets("\r\n")]))
        .implementation;
    expect(implementation(Buffer.from("Größe"))).toBe("Größe");
    expect(implementation(octets("Gr\xf6\xdfe"))).toBe("Größe");
  });

  test("returns none for an empty list", () => {
    expect(commands.capa(LIMITS).block(octets("+OK")).end().all.size).toBe(0);
  });

  test("accepts the largest number of lines, and rejects one more", () => {
    const lines = (count: number): string =>
      Array.from({ length: count }, (_, index) => `X${index}\r\n`).join("");
    expect(readBlock(commands.capa(LIMITS), lines(256)).all.size).toBe(256);
    expect(() => readBlock(commands.capa(LIMITS), lines(257))).toThrow(withCode("POP3_RESPONSE_TOO_LARGE"));
  });

  test("names the limit of lines in its error", () => {
    const capa = commands.capa({ ...LIMITS, capabilityLines: 1 });
    expect(readBlock(capa, "TOP\r\n").top).toBe(true);
    expect(() => readBlock(capa, "TOP\r\nUIDL\r\n")).toThrow(
      expect.objectContaining({
        name: "Pop3ProtocolError",
        message: "the server lists more capabilities than the limit of 1",
      }) as Error,
    );
  });

  test("accepts the largest number of octets, and rejects one more", () => {
    const line = (size: number): string => `X ${"y".repeat(size - 4)}\r\n`;
    expect(readBlock(commands.capa(LIMITS), line(65_536)).all.size).toBe(1);
    expect(() => readBlock(commands.capa(LIMITS), line(65_537))).toThrow(withCode("POP3_RESPONSE_TOO_LARGE"));
  });
});

describe("LANG", () => {
  test("reads the languages of RFC 6856, with names in their own language", () => {
    const block = Buffer.from("en English\r\nde Deutsch\r\nfr-CA Français du Canada\r\ni-default\r\n");
    expect(readBlock(commands.langList(LIMITS), block)).toEqual([
      { tag: "en", description: "English" },
      { tag: "de", description: "Deutsch" },
      { tag: "fr-CA", description: "Français du Canada" },
      { tag: "i-default", description: "" },
    ]);
  });

  test("accepts an empty list, and rejects too many octets", () => {
    expect(readBlock(commands.langList(LIMITS), "")).toEqual([]);
    expect(() => readBlock(commands.langList({ ...LIMITS, capabilityOctets: 3 }), "en\r\n")).toThrow(
      withCode("POP3_RESPONSE_TOO_LARGE"),
    );
  });
});
