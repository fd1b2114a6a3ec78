// Status lines that are invalid, too long or too many, and how their text is printed.
import { expect } from "vitest";
import type { Pop3Client } from "popwright";
import { SECRET } from "../support/secret.ts";
import { MIB } from "../support/large-message.ts";
import type { Row } from "./row.ts";
import { octets, session } from "./steps.ts";

const stat = (client: Pop3Client): Promise<unknown> => client.stat();

const NO_STAT = [
  "-1 -5",
  "4294967297 99999999999999999999",
  "",
  "x y",
  "1e3 1",
  "0x1 1",
  "1",
  "1.5 2",
  "1 2x",
];
const NO_REPLIES = ["WHAT 1", "", "-err no", "-ERRno", "+ok", "+OKAY 1 140", "+ 1 140"];
export const RESPONSES: readonly Row[] = [
  {
    row: "3C.62",
    name: "two replies to one command: the first is the answer, the second ends the session",
    server: session("C: STAT", "S: +OK 1 140", "S: +OK extra"),
    calls: async (client) => {
      expect(await client.stat()).toEqual({ count: 1, size: 140 });
      return client.uidl();
    },
    fails: "POP3_UNSOLICITED",
  },
  ...NO_STAT.map((text): Row => ({
    row: "3C.63",
    name: `"${text}" is not an answer to STAT`,
    server: session("C: STAT", `S: +OK ${text}`),
    calls: stat,
    fails: "POP3_BAD_RESPONSE",
    leaves: "transaction",
  })),
  {
    row: "3C.63",
    name: "text after the two numbers of STAT is ignored",
    server: session("C: STAT", "S: +OK 1 2 junk"),
    calls: stat,
    gives: { count: 1, size: 2 },
    leaves: "transaction",
  },
  ...NO_REPLIES.map((line): Row => ({
    row: "3C.64",
    name: `"${line}" is not a reply`,
    server: session("C: STAT", `S: ${line}`),
    calls: stat,
    fails: "POP3_PROTOCOL",
  })),
  {
    row: "3C.65",
    name: "a status line of 600 octets, longer than the RFC allows",
    server: session("C: STAT", `S: +OK 1 2 ${"x".repeat(589)}`),
    calls: stat,
    gives: { count: 1, size: 2 },
    leaves: "transaction",
  },
  ...[9 * 1024, 1024 * 1024].flatMap((size): Row[] =>
    [`S: +OK ${"x".repeat(size)}`, octets(`-ERR ${"x".repeat(size)}`)].map((line, index) => ({
      row: "3C.65",
      name: `a status line of ${size} octets, and ${index === 0 ? "more" : "no end"}`,
      server: session("C: STAT", line),
      calls: stat,
      fails: "POP3_LINE_TOO_LONG",
    })),
  ),
  {
    row: "3C.66",
    name: "replies that arrive octet by octet are the same",
    server: session(
      ...[
        "C: DELE 1",
        "S: -ERR no",
        "C: STAT",
        "S: +OK 1 140",
        "C: UIDL",
        "S: +OK",
        "S: 1 a",
        "S: .",
        "C: RSET",
        "S: +OK",
      ],
    ),
    how: { chunk: 1 },
    calls: async (client) => {
      await expect(client.dele(1)).rejects.toMatchObject({ code: "POP3_REFUSED", text: "no" });
      const answers = [await client.stat(), await client.uidl()];
      await client.rset();
      return answers;
    },
    gives: [{ count: 1, size: 140 }, new Map([[1, "a"]])],
    leaves: "transaction",
  },
  {
    row: "3C.93",
    name: "a refusal of a megabyte",
    server: session("C: DELE 1", `S: -ERR ${"x".repeat(MIB)}`),
    calls: (client) => client.dele(1),
    fails: "POP3_LINE_TOO_LONG",
    error: { message: expect.stringMatching(/^.{1,200}$/) as string },
  },
  {
    row: "3C.93",
    name: "a refusal is cut when it is printed",
    server: session("C: DELE 1", `S: -ERR ${"x".repeat(4000)}`),
    calls: (client) => client.dele(1),
    fails: "POP3_REFUSED",
    error: { text: `${"x".repeat(512)}…` },
    leaves: "transaction",
  },
  {
    row: "3C.93",
    name: "a refusal with control sequences for a terminal, a log and a format string",
    server: session("C: DELE 1", octets("-ERR %s%n \x1b[2J \rS: +OK \xe2\x80\xae\x9b31m\r\n")),
    calls: (client) => client.dele(1),
    fails: "POP3_REFUSED",
    error: { text: "%s%n \\x1b[2J \\x0dS: +OK â\\x80®\\x9b31m" },
    leaves: "transaction",
  },
  ...["-ERR wrong: PASS ", "-ERR [AUTH] "].map((said): Row => ({
    row: "3C.93",
    name: `a refusal that repeats the secret: "${said}..."`,
    server: [
      ...["S: +OK hello", "C: CAPA", "S: -ERR", "C: USER ann", "S: +OK"],
      ...[`C: PASS ${SECRET}`, `S: ${said}${SECRET}`],
    ],
    noLogin: true,
    calls: (client) => client.authenticate({ user: "ann", pass: SECRET }),
    fails: "POP3_AUTH_REJECTED",
    error: { text: expect.stringContaining("****") as string },
    leaves: "authorization",
  })),
];
