// Every invalid argument is rejected before an octet is sent.
import { describe, expect, test } from "vitest";
import { Pop3Client } from "../../../src/index.ts";
import { listen, logIn, said, to } from "../../support/ann.ts";
import { codeOf } from "../../support/outcome.ts";

type Call = (client: Pop3Client) => Promise<unknown>;

/** A stream as a call: resolves when it has ended. */
async function drained(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

const NUMBERS: readonly unknown[] = [
  0,
  -1,
  1.5,
  Number.NaN,
  Infinity,
  2 ** 53,
  "1",
  "1\r\nDELE 2",
  null,
  {},
  1n,
];
const wrongNumber = (call: (client: Pop3Client, number: number) => unknown): Call[] =>
  NUMBERS.map((number) => async (client) => call(client, number as number));
const many = (letter: string): string => letter.repeat(300);

const WRONG: readonly (readonly [string, string, readonly Call[]])[] = [
  ["retr", "POP3_INVALID_ARGUMENT", wrongNumber((client, number) => client.retr(number))],
  [
    "retrStream",
    "POP3_INVALID_ARGUMENT",
    wrongNumber((client, number) => drained(client.retrStream(number))),
  ],
  ["top", "POP3_INVALID_ARGUMENT", wrongNumber((client, number) => client.top(number))],
  [
    "the lines of top",
    "POP3_INVALID_ARGUMENT",
    wrongNumber((client, number) => client.top(1, number === 0 ? -5 : number)),
  ],
  ["dele of one", "POP3_INVALID_ARGUMENT", wrongNumber((client, number) => client.dele(number))],
  ["dele", "POP3_INVALID_ARGUMENT", wrongNumber((client, number) => client.dele([1, number, 2]))],
  [
    "retrieve",
    "POP3_INVALID_ARGUMENT",
    wrongNumber((client, number) => drained(client.retrieve([1, number]))),
  ],
  [
    "the lines of retrieve",
    "POP3_INVALID_ARGUMENT",
    wrongNumber((client, number) => drained(client.retrieve([1], { top: number === 0 ? -5 : number }))),
  ],
  [
    "list",
    "POP3_INVALID_ARGUMENT",
    [0, -1, 1.5, Number.NaN, "1"].map((number) => (client) => client.list(number as number)),
  ],
  [
    "uidl",
    "POP3_INVALID_ARGUMENT",
    [0, -1, 1.5, Number.NaN, "1"].map((number) => (client) => client.uidl(number as number)),
  ],
  [
    "lang",
    "POP3_INVALID_ARGUMENT",
    ["", "en us", "en\r\nQUIT", "é", many("e")].map((tag) => (client) => client.lang(tag)),
  ],
  [
    "command",
    "POP3_INVALID_ARGUMENT",
    [
      ...["", " NOOP", "NOOP\r\nDELE 1", "NOOP\n", "X\0", "\u00e9", "\tNOOP"],
      ..."USER x,PASS x,APOP x y,AUTH PLAIN,STLS,QUIT,RSET,DELE 1,UTF8,RETR 1,TOP 1 0,CAPA".split(","),
      ...["quit", "Dele 1", "RETR\t1", "dele  1"],
    ].map((line) => (client) => client.command(line)),
  ],
  [
    "supports",
    "POP3_INVALID_ARGUMENT",
    ["", "uidl", "RETR", "TOP 1 0\r\nDELE 1", undefined].map(
      (command) => (client) => client.supports(command as "TOP"),
    ),
  ],
  ["a long command", "POP3_COMMAND_TOO_LONG", [(client) => client.command(`XTND ${many("x")}`)]],
];

const WRONG_NAMES: readonly (readonly [string, string, readonly Call[]])[] = [
  [
    "user",
    "POP3_INVALID_ARGUMENT",
    ["", "ann\r\nPASS x", "ann\n", "a\0", undefined].map((name) => (client) => client.user(name as string)),
  ],
  [
    "a long user",
    "POP3_COMMAND_TOO_LONG",
    [(client) => client.user(many("a")), (client) => client.user("é".repeat(125))],
  ],
  [
    "pass",
    "POP3_INVALID_ARGUMENT",
    ["", "x\r\nDELE 1", "x\r", "x\0", undefined].map((secret) => (client) => client.pass(secret as string)),
  ],
  ["a long pass", "POP3_COMMAND_TOO_LONG", [(client) => client.pass(many("p"))]],
  [
    "authenticate",
    "POP3_INVALID_ARGUMENT",
    [
      { user: "ann\r\nQUIT", pass: "x", mechanism: "USER" },
      { user: "ann", pass: "x\r\nDELE 1", mechanism: "USER" },
      { user: "ann\r\n", pass: "x", mechanism: "APOP" },
      { user: "an\0n", pass: "x", mechanism: "PLAIN" },
    ].map((given) => (client) => client.authenticate(given)),
  ],
  [
    "authenticate without a user or a password",
    "POP3_CONFIG POP3_INVALID_ARGUMENT",
    [{ user: "", pass: "x" }, { user: "ann", pass: "" }, { user: "ann" }, { pass: "x" }, {}].map(
      (given) => (client) => client.authenticate(given),
    ),
  ],
];

describe.each([
  ...WRONG.map((row) => ["transaction", ...row] as const),
  ...WRONG_NAMES.map((row) => ["authorization", ...row] as const),
])("invalid arguments, %s: %s", (state, _, code, calls) => {
  test.each(calls.map((call, index) => [index, call] as const))(`${code}, the %dth`, async (__, call) => {
    await using server = await listen({ messages: ["a\r\n", "b\r\n", "c\r\n"] });
    await using client =
      state === "transaction" ? await logIn(server) : await Pop3Client.connect(to(server, { stls: "never" }));
    await client.capa();
    const before = said(server).length;
    expect(code.split(" ")).toContain(await codeOf(call(client)));
    expect(client.state).toBe(state);
    await client.capa();
    expect(said(server).slice(before)).toEqual(["C: CAPA"]);
    expect(client.marked.size).toBe(0);
  });
});
