// What real servers do with the greeting and with status lines, and how the client reacts.
import { expect } from "vitest";
import { SECRET } from "../support/secret.ts";
import type { Row } from "./row.ts";
import { octets, session } from "./steps.ts";

const APOP = { auth: { user: "ann", pass: SECRET, mechanism: "APOP" } } as const;
const NO_CAPA = ["C: CAPA", "S: -ERR"] as const;
const CASE = "the status must match exactly: a client that guesses what a server means confuses answers";
const LF_ALONE = "there is no lenient mode: it is unknown what such a server reads as a line";

export const QUIRKS_GREETING: readonly Row[] = [
  {
    row: "Q.1",
    name: "a greeting without text",
    server: ["S: +OK", ...NO_CAPA],
    noLogin: true,
    calls: ({ greeting }) => Promise.resolve(greeting),
    gives: "",
    leaves: "authorization",
  },
  {
    row: "Q.1",
    name: "a greeting without text has no timestamp for APOP",
    server: ["S: +OK", ...NO_CAPA],
    options: APOP,
    secret: "nowhere",
    fails: "POP3_AUTH_NO_MECHANISM",
  },
  ...["no <1.2@mail.test>", "[SYS/TEMP] no <1.2@mail.test>", "[SYS/PERM] no", "no"].map((text): Row => ({
    row: "Q.2",
    name: `-ERR ${text}: nothing is sent to such a server`,
    server: [`S: -ERR ${text}`],
    options: APOP,
    secret: "nowhere",
    fails: "POP3_GREETING_REJECTED",
    error: { text: text.replace(/^\[.*\] /, "") },
  })),
  {
    row: "Q.3",
    name: "a response code in the greeting is not a refusal",
    differs:
      "the code is read and not shown: `greeting` is the text after it, and `+OK` means that the client may continue",
    server: ["S: +OK [in-use] hello", ...NO_CAPA],
    noLogin: true,
    calls: ({ greeting }) => Promise.resolve(greeting),
    gives: "hello",
    leaves: "authorization",
  },
  ...["1 120\r\n2 200\r\n.\r\n", "+OK\r\nSASL PLAIN\r\n.\r\n"].map((text): Row => ({
    row: "Q.4",
    name: `in one packet with the greeting: ${JSON.stringify(text)}`,
    server: [octets(`+OK 2 messages\r\n${text}`)],
    secret: "nowhere",
    fails: "POP3_UNSOLICITED",
  })),
  {
    row: "Q.4",
    name: "a listing after the greeting, while CAPA is in flight, is not its answer",
    server: ["S: +OK 2 messages", "C: CAPA", "S: 1 120", "S: 2 200", "S: ."],
    secret: "nowhere",
    fails: "POP3_PROTOCOL",
  },
  ...["+ok hello", "+Ok hello", "+OK<1.2@mail.test>"].map((line): Row => ({
    row: "Q.5",
    name: `"${line}" is rejected as a greeting, and the error repeats it`,
    differs: CASE,
    server: [`S: ${line}`],
    secret: "nowhere",
    fails: "POP3_BAD_GREETING",
    error: { message: expect.stringContaining(line) as string },
  })),
  {
    row: "Q.5",
    name: '"+ok" is not a reply',
    differs: CASE,
    server: session("C: STAT", "S: +ok 1 140"),
    calls: (client) => client.stat(),
    fails: "POP3_PROTOCOL",
  },
  {
    row: "Q.6",
    name: "a greeting that never comes has its own timeout",
    server: [],
    options: { timeouts: { connect: 1000, greeting: 5000, command: 9000 } },
    elapses: 5000,
    secret: "nowhere",
    fails: "POP3_GREETING_TIMEOUT",
  },
  ...["WHAT", "* 1 140", "OK 1 140"].map((line): Row => ({
    row: "Q.7",
    name: `"${line}" is not a reply, and the last line that is read`,
    server: session("C: STAT", `S: ${line}`),
    calls: (client) => client.stat(),
    fails: "POP3_PROTOCOL",
  })),
  ...["+ERR wrong password", "+OKAY"].map((line): Row => ({
    row: "Q.8",
    name: `"${line}" after PASS is not a login`,
    server: ["S: +OK hello", ...NO_CAPA, "C: USER ann", "S: +OK", `C: PASS ${SECRET}`, `S: ${line}`],
    fails: "POP3_PROTOCOL",
    error: { message: expect.stringContaining(line) as string },
  })),
  {
    row: "Q.9",
    name: "an empty line before the status",
    differs: "it is not skipped: its source is unknown, and the next line may answer another command",
    server: session("C: DELE 1", "S: ", "S: +OK"),
    calls: (client) => client.dele(1),
    fails: "POP3_PROTOCOL",
    error: { message: 'not a reply to DELE 1: ""' },
  },
  {
    row: "Q.9",
    name: "octets in the packet after a message: no command is sent, and the error shows them",
    server: session("C: RETR 1", octets("+OK\r\nbody\r\n.\r\n\r\n.\r\n")),
    calls: async (client) => {
      expect(await client.retr(1)).toEqual(octets("body\r\n"));
      return client.dele(1);
    },
    fails: "POP3_UNSOLICITED",
    error: { message: expect.stringContaining('after RETR 1: "\\x0d\\x0a.\\x0d\\x0a"') as string },
  },
  {
    row: "Q.9",
    name: "octets after a message in the packet of the next reply are not read as that reply",
    server: session("C: RETR 1", "S: +OK", "S: body", "S: .", "C: DELE 1", octets("\r\n.\r\n+OK\r\n")),
    calls: async (client) => {
      expect(await client.retr(1)).toEqual(octets("body\r\n"));
      return client.dele(1);
    },
    fails: "POP3_PROTOCOL",
  },
  {
    row: "Q.10",
    name: "two +OK for one TOP",
    differs: "the second counts as the first line that TOP returns: commands and answers stay in step",
    server: session("C: TOP 1 0", "S: +OK", "S: +OK", "S: Subject: a", "S: ", "S: ."),
    calls: (client) => client.top(1),
    gives: octets("+OK\r\nSubject: a\r\n\r\n"),
    leaves: "transaction",
  },
  {
    row: "Q.11",
    name: "QUIT is answered by the end of the connection, with nothing marked",
    server: session("C: QUIT", "* close"),
    calls: (client) => client.quit(),
  },
  {
    row: "Q.11",
    name: "QUIT is answered by the end of the connection, with marks",
    differs: "it rejects if messages were marked: a flag on a resolved value is easily missed",
    server: session("C: DELE 2", "S: +OK", "C: QUIT", "* close"),
    calls: async (client) => {
      await client.dele(2);
      await client.quit();
    },
    fails: "POP3_COMMIT_UNKNOWN",
    error: { marked: [2] },
  },
  ...["-ERR", "-ERR "].map((line): Row => ({
    row: "Q.12",
    name: `"${line}" without text`,
    server: session("C: DELE 1", `S: ${line}`),
    calls: (client) => client.dele(1),
    fails: "POP3_REFUSED",
    error: { text: "", message: "the server refused DELE 1" },
    leaves: "transaction",
  })),
  {
    row: "Q.12",
    name: '"+OK " without text, and without that space',
    server: session("C: DELE 1", "S: +OK ", "C: DELE 2", "S: +OK"),
    calls: async (client) => {
      await client.dele([1, 2]);
      return client.marked;
    },
    gives: new Set([1, 2]),
    leaves: "transaction",
  },
  {
    row: "Q.13",
    name: "a greeting that ends in LF alone",
    differs: LF_ALONE,
    server: [octets("+OK hello\n")],
    secret: "nowhere",
    fails: "POP3_PROTOCOL",
    error: { message: expect.stringContaining("LF without CR") as string },
  },
  {
    row: "Q.13",
    name: "a reply that ends in LF alone",
    differs: LF_ALONE,
    server: session("C: STAT", octets("+OK 1 140\n")),
    calls: (client) => client.stat(),
    fails: "POP3_PROTOCOL",
  },
  ...[1, 2, 5].map((chunk): Row => ({
    row: "Q.14",
    name: `status lines in packets of ${chunk}`,
    server: session("C: STAT", "S: +OK 1 140", "C: DELE 1", "S: -ERR no"),
    how: { chunk },
    calls: async (client) => {
      await expect(client.stat()).resolves.toEqual({ count: 1, size: 140 });
      await client.dele(1);
    },
    fails: "POP3_REFUSED",
    error: { text: "no" },
    leaves: "transaction",
  })),
  {
    row: "Q.15",
    name: "a status line of 8192 octets is accepted",
    server: session("C: STAT", `S: +OK 1 140 ${"x".repeat(8180)}`),
    calls: (client) => client.stat(),
    gives: { count: 1, size: 140 },
    leaves: "transaction",
  },
  {
    row: "Q.15",
    name: "a status line of 8193 octets is rejected",
    server: session("C: STAT", `S: +OK 1 140 ${"x".repeat(8181)}`),
    calls: (client) => client.stat(),
    fails: "POP3_LINE_TOO_LONG",
  },
  {
    row: "Q.16",
    name: "lines of a message that look like replies",
    server: session("C: RETR 1", "S: +OK", "S: +OK", "S: -ERR no", "S: + ", "S: ."),
    calls: (client) => client.retr(1),
    gives: octets("+OK\r\n-ERR no\r\n+ \r\n"),
    leaves: "transaction",
  },
];
