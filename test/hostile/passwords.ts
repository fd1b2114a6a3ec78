// Tokens and passwords: which are sent, which are sent once, and how a refusal is understood.
import { expect } from "vitest";
import type { Pop3Auth, Pop3Client, Pop3ErrorCode } from "popwright";
import { offering } from "../support/ann.ts";
import { codeOf } from "../support/outcome.ts";
import type { Step } from "../support/scripted-server.ts";
import { base64, SECRET, TIMESTAMP } from "../support/secret.ts";
import type { Row } from "./row.ts";

const ANN: Pop3Auth = { user: "ann", pass: SECRET };
const TOKEN = "hunter2-token_~+/=";
const LAST: readonly Step[] = ["S: +OK", "C: CAPA", "S: -ERR"];
const USER: readonly Step[] = [...offering("USER"), "C: USER ann"];
const PASS: readonly Step[] = [...USER, "S: +OK", `C: PASS ${SECRET}`];

const PASSWORD_REFUSALS: readonly [said: string, code: Pop3ErrorCode, text: string][] = [
  ["[AUTH] wrong", "POP3_AUTH_REJECTED", "wrong"],
  ["[SYS/TEMP] later", "POP3_TEMPORARY", "later"],
  ["[IN-USE] locked", "POP3_TEMPORARY", "locked"],
  ["\x1b[31m\x07http://evil.test", "POP3_AUTH_REJECTED", "\\x1b[31m\\x07http://evil.test"],
];

type Call = (client: Pop3Client) => Promise<unknown>;

/** Texts and numbers that would be more than one command, or none. */
const TEXTS = ["a\rb", "a\nb", "a\r\nDELE 1", "a\0b", ""];
const NUMBERS = ["1\r\nDELE 2", "1", 0, -1, 1.5, NaN, Infinity, 2 ** 53, null] as unknown[] as number[];

const BEFORE_LOGIN: readonly Call[] = TEXTS.flatMap((text): Call[] => [
  (client) => client.user(text),
  (client) => client.pass(text),
  (client) => client.apop(text, SECRET),
  (client) => client.authenticate({ ...ANN, mechanism: "USER", pass: text === "" ? "a\n" : text }),
  (client) => client.lang(text),
  (client) => client.command(text),
]);

const BEHIND_LOGIN: readonly Call[] = [
  ...NUMBERS.flatMap((number): Call[] => [
    (client) => client.retr(number),
    (client) => client.top(number),
    (client) => client.dele([number]),
    (client) => client.uidl(number),
    (client) => client.list(number),
    (client) => client.retrStream(number).toArray(),
    async (client) => client.retrieve([number]).next(),
  ]),
  ...[-1, 0.5, NaN, "0\r\nDELE 1" as unknown as number].map(
    (lines): Call =>
      (client) =>
        client.top(1, lines),
  ),
  ...TEXTS.map(
    (text): Call =>
      (client) =>
        client.command(`XTND ${text}\r\nDELE 1`),
  ),
];

/** What becomes of each call, each kind once. */
async function kinds(client: Pop3Client, calls: readonly Call[]): Promise<string[]> {
  const codes = new Set<string>();
  for (const call of calls) codes.add(await codeOf(call(client)));
  return [...codes];
}

export const PASSWORDS: readonly Row[] = [
  {
    row: "3B.60",
    name: "an initial response that is too long for the line waits for a challenge",
    server: [
      ...[...offering("SASL PLAIN"), "C: AUTH PLAIN", "S: + "],
      ...[`C: ${base64(`\0ann\0${SECRET.repeat(8)}`)}`, ...LAST],
    ],
    options: { auth: { ...ANN, pass: SECRET.repeat(8) } },
    calls: (client) => Promise.resolve(client.state),
    gives: "transaction",
    leaves: "transaction",
  },
  {
    row: "3B.61a",
    name: "a token is refused by JSON in a challenge, which gets an empty answer",
    server: [
      ...offering("SASL XOAUTH2"),
      `C: AUTH XOAUTH2 ${base64(`user=ann\x01auth=Bearer ${TOKEN}\x01\x01`)}`,
      `S: + ${base64(`{"status":"400","schemes":"Bearer","scope":"mail \\u001b[31m ${TOKEN}"}`)}`,
      ...["C: ", "S: -ERR [AUTH] no"],
    ],
    noLogin: true,
    calls: (client) => client.authenticate({ user: "ann", accessToken: TOKEN }),
    fails: "POP3_AUTH_REJECTED",
    error: {
      responseCode: "AUTH",
      oauth: { status: "400", schemes: "Bearer", scope: "mail \\x1b[31m ****" },
    },
    leaves: "authorization",
  },
  {
    row: "3B.61b",
    name: "USER is refused: PASS is not sent",
    server: [...USER, "S: -ERR never heard of ann"],
    noLogin: true,
    calls: (client) => client.authenticate(ANN),
    secret: "nowhere",
    fails: "POP3_AUTH_REJECTED",
    leaves: "authorization",
  },
  ...PASSWORD_REFUSALS.map(([said, fails, text]): Row => ({
    row: "3B.61c",
    name: `PASS is refused: ${JSON.stringify(said)}`,
    server: [...PASS, `S: -ERR ${said}`],
    noLogin: true,
    calls: (client) => client.authenticate(ANN),
    fails,
    error: { text, message: expect.not.stringContaining("\x1b") as string },
    leaves: "authorization",
  })),
  {
    row: "3B.61d",
    name: "FIN instead of the answer to PASS",
    differs: "a code of its own, as some servers close on a wrong password; POP3_CLOSED is its cause",
    server: [...PASS, "* close"],
    fails: "POP3_AUTH_CLOSED",
    error: { cause: expect.objectContaining({ code: "POP3_CLOSED" }) as object },
  },
  {
    row: "3B.61d",
    name: "RST instead of the answer to PASS",
    server: [...PASS, "* reset"],
    fails: "POP3_RESET",
  },
  {
    row: "3B.61d",
    name: "FIN in the middle of the answer to USER",
    server: [...USER, Buffer.from("+O"), "* close"],
    secret: "nowhere",
    fails: "POP3_CLOSED",
  },
  {
    row: "3B.61d",
    name: "RST instead of the answer to USER",
    server: [...USER, "* reset"],
    secret: "nowhere",
    fails: "POP3_RESET",
  },
  {
    row: "3B.61e",
    name: "arguments with line ends, before the login: nothing is written",
    differs: "the call rejects, like every call, and throws nothing",
    server: [`S: +OK hello ${TIMESTAMP}`, "C: CAPA", "S: -ERR"],
    noLogin: true,
    calls: (client) => kinds(client, BEFORE_LOGIN),
    secret: "nowhere",
    gives: ["POP3_INVALID_ARGUMENT"],
    leaves: "authorization",
  },
  {
    row: "3B.61e",
    name: "arguments with line ends, after the login: nothing is written",
    server: [...PASS, ...LAST],
    calls: async (client) =>
      (await kinds(client, BEHIND_LOGIN)).filter((code) => code !== "POP3_INVALID_ARGUMENT"),
    gives: [],
    leaves: "transaction",
  },
  {
    row: "3B.61f",
    name: "a user name with spaces and letters beyond ASCII is sent in UTF-8",
    server: [...offering("USER"), "C: USER änn b", "S: +OK", `C: PASS ${SECRET}`, ...LAST],
    options: { auth: { ...ANN, user: "änn b" } },
    calls: (client) => Promise.resolve(client.state),
    gives: "transaction",
    leaves: "transaction",
  },
  {
    row: "3B.61f",
    name: "a command of more than 255 octets is not sent",
    server: [...offering("USER")],
    options: { auth: { ...ANN, pass: SECRET.repeat(12) } },
    secret: "nowhere",
    fails: "POP3_COMMAND_TOO_LONG",
  },
];
