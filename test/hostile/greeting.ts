// The greeting: the first line of a server, and what the client knows after it.
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { endless, expectBounded, flooded } from "../support/flooding.ts";
import type { Row } from "./row.ts";
import { theWitness } from "./witness.ts";

const octets = (text: string): Buffer => Buffer.from(text, "latin1");
const NO_CAPA = ["C: CAPA", "S: -ERR"] as const;

const REFUSALS: readonly [text: string, responseCode: string, temporary: boolean][] = [
  ["[IN-USE] another session", "IN-USE", true],
  ["[in-use] another session", "IN-USE", true],
  ["[SYS/TEMP] later", "SYS/TEMP", true],
  ["[sys/temp] later", "SYS/TEMP", true],
  ["[SYS/PERM] never", "SYS/PERM", false],
  ["[Sys/Perm] never", "SYS/PERM", false],
  ["[LOGIN-DELAY] not so fast", "LOGIN-DELAY", true],
  ["[login-delay] not so fast", "LOGIN-DELAY", true],
];

export const GREETING: readonly Row[] = [
  {
    row: "3B.31",
    name: "-ERR",
    server: ["S: -ERR go away"],
    secret: "nowhere",
    fails: "POP3_GREETING_REJECTED",
    error: { text: "go away", temporary: true },
  },
  ...REFUSALS.map(([text, responseCode, temporary]): Row => ({
    row: "3B.32",
    name: `-ERR ${text}`,
    differs: "a temporary refusal has `temporary: true`",
    server: [`S: -ERR ${text}`],
    secret: "nowhere",
    fails: "POP3_GREETING_REJECTED",
    error: { responseCode, temporary },
  })),
  {
    row: "3B.33",
    name: "HTTP fails at once, without waiting for a timeout",
    server: ["S: HTTP/1.1 200 OK"],
    options: { timeouts: { greeting: Infinity } },
    secret: "nowhere",
    fails: "POP3_BAD_GREETING",
  },
  ...["+Do you even care?", "+OKAY", "+ok x", "+Ok x", "+", "+OK<1.2@mail.test>", ""].map((line): Row => ({
    row: "3B.34",
    name: `${JSON.stringify(line)} is rejected as a greeting`,
    server: [`S: ${line}`],
    secret: "nowhere",
    fails: "POP3_BAD_GREETING",
  })),
  {
    row: "3B.34",
    name: "a greeting that ends in LF alone is rejected",
    server: [octets("+OK hello\n")],
    secret: "nowhere",
    fails: "POP3_PROTOCOL",
  },
  {
    row: "3B.35",
    name: "silence",
    server: [],
    elapses: 30_000,
    secret: "nowhere",
    fails: "POP3_GREETING_TIMEOUT",
  },
  {
    row: "3B.36",
    name: "a trickle without the end of the line",
    server: async (peer) => {
      await peer.send("+OK ");
      while (!peer.over) {
        await peer.send("x");
        await delay(5);
      }
    },
    options: { timeouts: { greeting: 60 } },
    secret: "nowhere",
    fails: "POP3_GREETING_TIMEOUT",
    told: [],
  },
  {
    row: "3B.37",
    name: "a line without an end: little of it is read",
    play: async () => {
      const result = await flooded({ greeting: endless("+OK ", "A".repeat(1000)) });
      theWitness().saw(result);
      expect(result).toMatchObject({ code: "POP3_LINE_TOO_LONG", sent: [] });
      expectBounded(result, 8192);
    },
  },
  {
    row: "3B.38",
    name: "a listing of messages that no command asked for",
    server: ["S: +OK 2 messages", "S: 1 120", "S: 2 200", "S: ."],
    secret: "nowhere",
    fails: "POP3_UNSOLICITED",
  },
  {
    row: "3B.39",
    name: "a NUL",
    server: [octets("+OK a\0b\r\n")],
    secret: "nowhere",
    fails: "POP3_PROTOCOL",
  },
  ...[
    ["8-bit octets that are not UTF-8 are Latin-1", "+OK \x80 gr\xfc\xdf\xff\r\n", "\x80 gr\xfc\xdf\xff"],
    ["UTF-8 is UTF-8", Buffer.from("+OK gr\u00fc\u00df \u65e5\r\n"), "gr\u00fc\u00df \u65e5"],
    ["a CR in the middle of the line is text", "+OK a\rb\r\n", "a\rb"],
  ].map(([name, greeting, gives]): Row => ({
    row: "3B.39",
    name: name as string,
    server: [typeof greeting === "string" ? octets(greeting) : (greeting as Buffer), ...NO_CAPA],
    noLogin: true,
    calls: (client) => Promise.resolve(client.greeting),
    gives,
    leaves: "authorization",
  })),
  ...["<".repeat(8180), "<a@".repeat(2700), `${"<".repeat(4000)}@${">".repeat(4000)}`].map((text): Row => ({
    row: "3B.40",
    name: `a slow case for a search for timestamps: ${text.slice(0, 4)}…${text.slice(-4)}`,
    server: [`S: +OK ${text}`, ...NO_CAPA],
    noLogin: true,
    calls: (client) => Promise.resolve(client.greeting),
    gives: text,
    leaves: "authorization",
  })),
  {
    row: "3B.41",
    name: "control characters are kept, and escaped when printed",
    server: ["S: +OK \x1b[31mred", ...NO_CAPA],
    noLogin: true,
    calls: (client) => Promise.resolve(client.greeting),
    gives: "\x1b[31mred",
    leaves: "authorization",
  },
  {
    row: "3B.41",
    name: "control characters are escaped in an error",
    server: ["S: -ERR \x1b[31mred\x07\u202e"],
    secret: "nowhere",
    fails: "POP3_GREETING_REJECTED",
    error: { text: "\\x1b[31mred\\x07\\u202e", message: expect.not.stringContaining("\x1b") as string },
  },
];
