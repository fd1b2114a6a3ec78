// Listings that are invalid, never end, or contradict each other.
import { expect } from "vitest";
import type { Pop3Client } from "popwright";
import { endless, endlessListing, expectBounded, flooded } from "../support/flooding.ts";
import { uidOf } from "../support/maildrop-script.ts";
import type { Row } from "./row.ts";
import { octets, session } from "./steps.ts";

const uidl = (client: Pop3Client): Promise<unknown> => client.uidl();
const list = (client: Pop3Client): Promise<unknown> => client.list();

const STRICT = { listings: "strict" } as const;
const LEFT_OUT =
  "by default one malformed line does not lock a mailbox: its message has no unique-id or size, and `client.malformed` lists it";

const NO_LISTING = ["", "1\tx", " 1 x", "0 x", "-1 x", "1 a b", "1 \xff", "01x", `1 ${"u".repeat(513)}`];

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

export const LISTINGS: readonly Row[] = [
  ...NO_LISTING.flatMap((line): Row[] => {
    const server = session("C: UIDL", "S: +OK", octets(`${line}\r\n`), "S: 2 b", "S: .");
    return [
      {
        row: "3C.67",
        name: `"${line}" in UIDL, strict: fails, and the session continues`,
        ...(line.length > 70 && { differs: "up to 512 characters are read, as in file names of a Maildir" }),
        server,
        options: STRICT,
        calls: uidl,
        fails: "POP3_BAD_LISTING",
        leaves: "transaction",
      },
      {
        row: "3C.67",
        name: `"${line}" in UIDL, lenient: is left out and reported`,
        differs: LEFT_OUT,
        server,
        calls: async (client) => [await client.uidl(), client.malformed.length],
        gives: [new Map([[2, "b"]]), 1],
        leaves: "transaction",
      },
    ];
  }),
  {
    row: "3C.67",
    name: "a message number without a unique-id in UIDL",
    differs: "that message has no unique-id, and the others keep theirs: nothing is lost",
    server: session("C: UIDL", "S: +OK", "S: 1 ", "S: 2 b", "S: 3", "S: ."),
    calls: uidl,
    gives: new Map([[2, "b"]]),
    leaves: "transaction",
  },
  ...["1 x", "1", "1 -1", "1 1e3", "1 1.5", "x 1"].flatMap((line): Row[] => {
    const server = session("C: LIST", "S: +OK", `S: ${line}`, "S: 2 120", "S: .");
    return [
      {
        row: "3C.67",
        name: `"${line}" in LIST, strict: fails, and the session continues`,
        server,
        options: STRICT,
        calls: list,
        fails: "POP3_BAD_LISTING",
        leaves: "transaction",
      },
      {
        row: "3C.67",
        name: `"${line}" in LIST, lenient: is left out and reported`,
        differs: LEFT_OUT,
        server,
        calls: async (client) => [await client.list(), client.malformed.length],
        gives: [new Map([[2, 120]]), 1],
        leaves: "transaction",
      },
    ];
  }),
  {
    row: "3C.67",
    name: "several spaces in UIDL",
    differs: "they are read: a large provider pads its columns, and they are unambiguous",
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
    name: "unique-ids are kept as they are, also names of object properties",
    server: session("C: UIDL", "S: +OK", ...OPAQUE.map((id, index) => `S: ${index + 1} ${id}`), "S: ."),
    calls: uidl,
    gives: new Map(OPAQUE.map((id, index) => [index + 1, id])),
    leaves: "transaction",
  },
  {
    row: "3C.69",
    name: "a message number twice, strict: fails",
    server: session("C: UIDL", "S: +OK", "S: 1 a", "S: 2 b", "S: 1 c", "S: ."),
    options: STRICT,
    calls: uidl,
    fails: "POP3_BAD_LISTING",
    leaves: "transaction",
  },
  {
    row: "3C.69",
    name: "a message number twice, lenient: neither unique-id is used",
    differs: LEFT_OUT,
    server: session("C: UIDL", "S: +OK", "S: 1 a", "S: 2 b", "S: 1 c", "S: 2 b", "S: ."),
    calls: async (client) => [await client.uidl(), client.malformed.map(({ text }) => text)],
    gives: [new Map([[2, "b"]]), ["1 c", "2 b"]],
    leaves: "transaction",
  },
  {
    row: "3C.69",
    name: "one unique-id for two messages, out of order, with gaps, and more than STAT counted",
    differs: "they are returned as they came, in a Map that shows the duplicates; nothing else reports them",
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
    name: "a unique-id of 100,000 octets",
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
    name: "a listing that continues far beyond the count of STAT",
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
    differs:
      "POP3_PROTOCOL, because it ends the session: POP3_BAD_RESPONSE is for calls whose session continues",
    server: session(`C: ${verb} 1`, "S: +OK 2 120"),
    calls: (client) => (verb === "UIDL" ? client.uidl(1) : client.list(1)),
    fails: "POP3_PROTOCOL",
  })),
  {
    row: "3C.74",
    name: "STAT, LIST and UIDL count differently",
    differs: "each is returned as it came: the client cannot know which is right, and does not guess",
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
    name: "a loop follows LIST, and has no unique-id if UIDL named none",
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
