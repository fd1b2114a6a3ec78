// Status lines, numbers and listings that are none, or too many.
import { expect } from "vitest";
import type { Pop3Client } from "popwright";
import { uidOf } from "../faults/maildrop-script.ts";
import { endless, endlessListing, expectBounded, flooded } from "../faults/flooding.ts";
import type { Row } from "./row.ts";
import { octets, session } from "./steps.ts";

const stat = (client: Pop3Client): Promise<unknown> => client.stat();
const uidl = (client: Pop3Client): Promise<unknown> => client.uidl();
const list = (client: Pop3Client): Promise<unknown> => client.list();

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
const NO_LISTING = [
  "1 ",
  "1",
  "",
  "1\tx",
  " 1 x",
  "0 x",
  "-1 x",
  "1 a b",
  "1 \xff",
  "01x",
  `1 ${"u".repeat(71)}`,
];

const OPAQUE = [
  "../../../../tmp/evil",
  "a/b",
  "con",
  "__proto__",
  "constructor",
  "%s%n",
  "a;rm",
  "<1@b>",
  "u".repeat(70),
];

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
    name: `"${text}" is no answer to STAT`,
    server: session("C: STAT", `S: +OK ${text}`),
    calls: stat,
    fails: "POP3_BAD_RESPONSE",
    leaves: "transaction",
  })),
  {
    row: "3C.63",
    name: "what follows the two numbers of STAT does not matter",
    server: session("C: STAT", "S: +OK 1 2 junk"),
    calls: stat,
    gives: { count: 1, size: 2 },
    leaves: "transaction",
  },
  ...NO_REPLIES.map((line): Row => ({
    row: "3C.64",
    name: `"${line}" is no reply`,
    server: session("C: STAT", `S: ${line}`),
    calls: stat,
    fails: "POP3_PROTOCOL",
  })),
  {
    row: "3C.65",
    name: "a status line of 600 octets, more than the RFC allows",
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
    name: "replies octet by octet are the same",
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
  ...NO_LISTING.map((line): Row => ({
    row: "3C.67",
    name: `"${line}" in a listing fails it, and the session goes on`,
    ...(line.length > 70 && { differs: "there is no leniency for unique-ids of more than 70 characters" }),
    server: session("C: UIDL", "S: +OK", octets(`${line}\r\n`), "S: 2 b", "S: ."),
    calls: uidl,
    fails: "POP3_BAD_LISTING",
    leaves: "transaction",
  })),
  ...["1 x", "1", "1 -1", "1 1e3", "1 1.5", "x 1"].map((line): Row => ({
    row: "3C.67",
    name: `"${line}" in a scan listing fails it, and the session goes on`,
    server: session("C: LIST", "S: +OK", `S: ${line}`, "S: 2 120", "S: ."),
    calls: list,
    fails: "POP3_BAD_LISTING",
    leaves: "transaction",
  })),
  {
    row: "3C.67",
    name: "more spaces than one in a listing",
    differs: "they are read: a large provider pads its columns, and nothing can be mistaken by it",
    server: session("C: UIDL", "S: +OK", "S: 1  a", "S: 2    b ", "S: ."),
    calls: uidl,
    gives: new Map([
      [1, "a"],
      [2, "b"],
    ]),
    leaves: "transaction",
  },
  {
    row: "3C.68",
    name: "unique-ids are opaque, and no property of anything",
    server: session("C: UIDL", "S: +OK", ...OPAQUE.map((id, index) => `S: ${index + 1} ${id}`), "S: ."),
    calls: uidl,
    gives: new Map(OPAQUE.map((id, index) => [index + 1, id])),
    leaves: "transaction",
  },
  {
    row: "3C.69",
    name: "a message number twice",
    server: session("C: UIDL", "S: +OK", "S: 1 a", "S: 2 b", "S: 1 c", "S: ."),
    calls: uidl,
    fails: "POP3_BAD_LISTING",
    leaves: "transaction",
  },
  {
    row: "3C.69",
    name: "one unique-id for two messages, out of order, with gaps, and more than STAT counted",
    differs: "they are given as they came, in a Map that shows the duplicates; nothing else reports them",
    server: session("C: STAT", "S: +OK 2 240", "C: UIDL", "S: +OK", "S: 7 a", "S: 3 a", "S: 90 b", "S: ."),
    calls: async (client) => {
      await client.stat();
      return [...(await client.uidl())];
    },
    gives: [
      [7, "a"],
      [3, "a"],
      [90, "b"],
    ],
    leaves: "transaction",
  },
  {
    row: "3C.70",
    name: "a unique-id of 100 000 octets",
    server: session("C: UIDL", "S: +OK", `S: 1 ${"u".repeat(100_000)}`, "S: ."),
    calls: uidl,
    fails: "POP3_LINE_TOO_LONG",
  },
  ...[
    ["UIDL", uidOf, uidl],
    ["LIST", () => "120", list],
  ].map(([verb, value, call]): Row => ({
    row: "3C.71",
    name: `${verb as string} without end: at its limit no more is read`,
    play: async () => {
      const answers = { [verb as string]: endlessListing(value as (n: number) => string) };
      const result = await flooded(answers, call as typeof uidl, { limits: { listEntries: 1000 } });
      expect(result.code).toBe("POP3_LIST_TOO_LARGE");
      expectBounded(result, 1000 * 20);
    },
  })),
  {
    row: "3C.71",
    name: "a listing that goes on far behind what STAT had counted",
    server: session(
      ...["C: STAT", "S: +OK 2 240", "C: UIDL", "S: +OK"],
      ...Array.from({ length: 19 }, (_, index) => `S: ${index + 1} u${index}`),
    ),
    calls: async (client) => {
      await client.stat();
      return client.uidl();
    },
    fails: "POP3_LIST_TOO_LARGE",
  },
  {
    row: "3C.72",
    name: "CAPA without end: at its limit no more is read, and no secret is sent",
    play: async () => {
      const result = await flooded({ CAPA: endless("+OK\r\n", "X-CAPABILITY of some kind\r\n") });
      expect(result).toMatchObject({ code: "POP3_RESPONSE_TOO_LARGE", sent: ["CAPA"] });
      expectBounded(result, 64 * 1024);
    },
  },
  {
    row: "3C.72",
    name: "257 capabilities",
    server: [
      ...["S: +OK hello", "C: CAPA", "S: +OK"],
      ...Array.from({ length: 257 }, (_, index) => `S: X-${index}`),
      "S: .",
    ],
    secret: "nowhere",
    fails: "POP3_RESPONSE_TOO_LARGE",
  },
  ...["UIDL", "LIST"].map((verb): Row => ({
    row: "3C.73",
    name: `${verb} 1 is answered for message 2`,
    differs: "POP3_PROTOCOL, as it ends the session: POP3_BAD_RESPONSE is of calls whose session goes on",
    server: session(`C: ${verb} 1`, "S: +OK 2 120"),
    calls: (client) => (verb === "UIDL" ? client.uidl(1) : client.list(1)),
    fails: "POP3_PROTOCOL",
  })),
  {
    row: "3C.74",
    name: "STAT, LIST and UIDL count differently",
    differs:
      "each is given as it came: which of them is right nobody can know, and nothing is joined by guess",
    server: session(
      ...["C: STAT", "S: +OK 2 240", "C: LIST", "S: +OK", "S: 1 120", "S: 2 120", "S: 3 120", "S: ."],
      ...["C: UIDL", "S: +OK", "S: 1 a", "S: ."],
    ),
    calls: async (client) => [
      (await client.stat()).count,
      (await client.list()).size,
      (await client.uidl()).size,
    ],
    gives: [2, 3, 1],
    leaves: "transaction",
  },
  {
    row: "3C.74",
    name: "a loop goes by LIST, and has no unique-id where UIDL named none",
    server: session(
      ...["C: LIST", "S: +OK", "S: 1 5", "S: 2 5", "S: .", "C: UIDL", "S: +OK", "S: 2 b", "S: 3 c", "S: ."],
      ...["C: RETR 1", "S: +OK", "S: one", "S: .", "C: RETR 2", "S: +OK", "S: two", "S: ."],
    ),
    calls: async (client) => {
      const seen: unknown[] = [];
      for await (const message of client.retrieve()) {
        seen.push([message.number, message.uid, (await message.buffer()).toString()]);
      }
      return seen;
    },
    gives: [
      [1, undefined, "one\r\n"],
      [2, "b", "two\r\n"],
    ],
    leaves: "transaction",
  },
];
