// Listings that are none, that never end, or that say different things.
import { expect } from "vitest";
import type { Pop3Client } from "popwright";
import { endless, endlessListing, expectBounded, flooded } from "../faults/flooding.ts";
import { uidOf } from "../faults/maildrop-script.ts";
import type { Row } from "./row.ts";
import { octets, session } from "./steps.ts";

const uidl = (client: Pop3Client): Promise<unknown> => client.uidl();
const list = (client: Pop3Client): Promise<unknown> => client.list();

const STRICT = { listings: "strict" } as const;
const LEFT_OUT =
  "by default one bad line does not lock a mailbox: its message has no unique-id or size, and `client.malformed` names it";

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
        name: `"${line}" in a listing, strict: it fails, and the session goes on`,
        ...(line.length > 70 && { differs: "up to 512 characters are read, as in file names of a Maildir" }),
        server,
        options: STRICT,
        calls: uidl,
        fails: "POP3_BAD_LISTING",
        leaves: "transaction",
      },
      {
        row: "3C.67",
        name: `"${line}" in a listing, lenient: it is left out and named`,
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
    name: "a message number without a unique-id in a listing",
    differs: "that message has none, and the others keep theirs: nothing is lost by it",
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
        name: `"${line}" in a scan listing, strict: it fails, and the session goes on`,
        server,
        options: STRICT,
        calls: list,
        fails: "POP3_BAD_LISTING",
        leaves: "transaction",
      },
      {
        row: "3C.67",
        name: `"${line}" in a scan listing, lenient: it is left out and named`,
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
    name: "a message number twice, strict: it fails",
    server: session("C: UIDL", "S: +OK", "S: 1 a", "S: 2 b", "S: 1 c", "S: ."),
    options: STRICT,
    calls: uidl,
    fails: "POP3_BAD_LISTING",
    leaves: "transaction",
  },
  {
    row: "3C.69",
    name: "a message number twice, lenient: neither unique-id is believed",
    differs: LEFT_OUT,
    server: session("C: UIDL", "S: +OK", "S: 1 a", "S: 2 b", "S: 1 c", "S: 2 b", "S: ."),
    calls: async (client) => [await client.uidl(), client.malformed.map(({ text }) => text)],
    gives: [new Map([[2, "b"]]), ["1 c", "2 b"]],
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
