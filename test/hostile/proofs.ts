// SCRAM that proves too little or asks for too much, tokens, USER and PASS, and arguments that would be commands.
import { expect } from "vitest";
import { Pop3Client, type Pop3Auth, type Pop3ErrorCode } from "popwright";
import { Pop3Server, type ScramServerOptions } from "popwright/testing";
import { offering, to } from "../client/ann.ts";
import { codeOf } from "../client/outcome.ts";
import type { Step } from "../client/scripted-server.ts";
import { base64, SECRET, TIMESTAMP } from "../client/secret.ts";
import { certificate } from "../client/stls-attempt.ts";
import type { Case, Row } from "./row.ts";

const ANN: Pop3Auth = { user: "ann", pass: SECRET };
const TOKEN = "hunter2-token_~+/=";
const LAST: readonly Step[] = ["S: +OK", "C: CAPA", "S: -ERR"];
const USER: readonly Step[] = [...offering("USER"), "C: USER ann"];
const PASS: readonly Step[] = [...USER, "S: +OK", `C: PASS ${SECRET}`];

/** SCRAM by hand. Before a proof is sent the client says one line, and two with the "*" behind it. */
function scram(
  row: string,
  name: string,
  wrong: ScramServerOptions,
  fails: Pop3ErrorCode,
  more: Partial<Case> = {},
): Case {
  return {
    ...{ row, name, fails },
    server: { sasl: ["SCRAM-SHA-256", "PLAIN"], scram: wrong },
    noLogin: true,
    calls: (client) => client.authenticate(ANN),
    told: ["CAPA", "AUTH SCRAM-SHA-256 ****", "*", "CAPA"],
    leaves: "authorization",
    ...more,
  };
}

const first = (pattern: RegExp, by: string): ScramServerOptions => ({
  serverFirst: (message) => message.replace(pattern, by),
});

const PROVEN = ["CAPA", "AUTH SCRAM-SHA-256 ****", "****"];

const ITERATIONS: Readonly<Record<string, Pop3ErrorCode>> = {
  "i=4294967295": "POP3_SCRAM_ITERATIONS_HIGH",
  "i=1000000000": "POP3_SCRAM_ITERATIONS_HIGH",
  "i=100001": "POP3_SCRAM_ITERATIONS_HIGH",
  "i=1e9": "POP3_AUTH_PROTOCOL",
  "i=00": "POP3_AUTH_PROTOCOL",
  "i=-1": "POP3_AUTH_PROTOCOL",
  "i=5x": "POP3_AUTH_PROTOCOL",
  "i=": "POP3_AUTH_PROTOCOL",
  "": "POP3_AUTH_PROTOCOL",
};

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

export const PROOFS: readonly Row[] = [
  scram("3B.55", "SCRAM with one iteration", { iterations: 1 }, "POP3_SCRAM_ITERATIONS_LOW"),
  scram("3B.55", "SCRAM with 4095 iterations", { iterations: 4095 }, "POP3_SCRAM_ITERATIONS_LOW"),
  ...Object.entries(ITERATIONS).map(([count, code]) =>
    scram("3B.56", `SCRAM with "${count}": nothing is computed`, first(/,?i=.*/, count && `,${count}`), code),
  ),
  scram("3B.57", "SCRAM with a nonce that is not ours", first(/r=[^,]*/, "r=other"), "POP3_AUTH_PROTOCOL"),
  scram("3B.57", "SCRAM with a nonce that is ours alone", { nonce: "" }, "POP3_AUTH_PROTOCOL"),
  scram("3B.57", "SCRAM without salt", { salt: Buffer.alloc(0) }, "POP3_AUTH_PROTOCOL"),
  scram("3B.57", "SCRAM with a salt that is no base64", first(/s=[^,]*/, "s=???"), "POP3_AUTH_PROTOCOL"),
  scram("3B.57", "SCRAM with an extension that has to be known", first(/^/, "m=ext,"), "POP3_AUTH_PROTOCOL"),
  scram(
    "3B.58",
    "SCRAM without the server's proof",
    { serverFinal: () => undefined },
    "POP3_SCRAM_SERVER_SIGNATURE",
    {
      told: PROVEN,
      leaves: "nothing",
    },
  ),
  ...["v=AAAA", "v=", "x"].map((final) =>
    scram(
      "3B.58",
      `SCRAM with "${final}" for the server's proof`,
      { serverFinal: () => final },
      final === "v=AAAA" ? "POP3_SCRAM_SERVER_SIGNATURE" : "POP3_AUTH_PROTOCOL",
      { told: [...PROVEN, "*", "CAPA"] },
    ),
  ),
  {
    row: "3B.59",
    name: "a binding is required, and only what has none is listed",
    server: { tls: { ...certificate }, sasl: ["SCRAM-SHA-256", "PLAIN"] },
    options: { auth: { ...ANN, channelBinding: "required" } },
    secret: "nowhere",
    fails: "POP3_AUTH_NO_MECHANISM",
    told: ["* TLS", "CAPA"],
  },
  {
    row: "3B.59",
    name: "a binding is required that the connection has not",
    play: async () => {
      const tls = { ...certificate };
      await using server = await Pop3Server.listen({
        users: { ann: { pass: SECRET } },
        sasl: ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN"],
        tls,
      });
      const auth = { ...ANN, channelBinding: "required", bindingTypes: [] } as const;
      const options = to(server, { auth });
      expect(await codeOf(Pop3Client.connect(options))).toBe("POP3_AUTH_NO_MECHANISM");
      await server.idle();
      expect(server.transcript.lines.filter((line) => line.startsWith("C: AUTH"))).toEqual([]);
    },
  },
  {
    row: "3B.60",
    name: "an initial response that the line does not hold waits to be asked for",
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
    name: "a token is refused by JSON in a challenge, which is answered by nothing",
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
    name: "FIN in place of the answer to PASS",
    differs: "a code of its own, as some servers close on a wrong password; POP3_CLOSED is its cause",
    server: [...PASS, "* close"],
    fails: "POP3_AUTH_CLOSED",
    error: { cause: expect.objectContaining({ code: "POP3_CLOSED" }) as object },
  },
  {
    row: "3B.61d",
    name: "RST in place of the answer to PASS",
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
    name: "RST in place of the answer to USER",
    server: [...USER, "* reset"],
    secret: "nowhere",
    fails: "POP3_RESET",
  },
  {
    row: "3B.61e",
    name: "arguments that would be more than one line, before the login: nothing is written",
    differs: "the call rejects, as all do, and throws nothing",
    server: [`S: +OK hello ${TIMESTAMP}`, "C: CAPA", "S: -ERR"],
    noLogin: true,
    calls: (client) => kinds(client, BEFORE_LOGIN),
    secret: "nowhere",
    gives: ["POP3_INVALID_ARGUMENT"],
    leaves: "authorization",
  },
  {
    row: "3B.61e",
    name: "arguments that would be more than one line, behind the login: nothing is written",
    server: [...PASS, ...LAST],
    calls: async (client) =>
      (await kinds(client, BEHIND_LOGIN)).filter((code) => code !== "POP3_INVALID_ARGUMENT"),
    gives: [],
    leaves: "transaction",
  },
  {
    row: "3B.61f",
    name: "a user name with spaces and letters beyond ASCII goes out as it is, in UTF-8",
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
