// Journals that were cut, torn or damaged give their complete records and nothing else, or an error that
// names the line.
import fc from "../../support/fast-check.ts";
import { times } from "../../support/octets.ts";
import { describe, expect, test } from "vitest";
import { applyChanges } from "../../../src/fetch/ledger/changes.ts";
import {
  decodeJournal,
  encodeJournal,
  type JournalContents,
} from "../../../src/fetch/ledger/journal-contents.ts";
import { encode, encodeLine, encodeRecord } from "../../../src/fetch/ledger/journal-line.ts";
import type { LedgerChanges, LedgerEntry, MailboxState } from "../../../src/fetch/ledger/ledger.ts";
import { changes } from "./changes.ts";

const ANN = "ann@pop.example.com:995";
const PATH = "/ledger/ann.journal";
const HEADER = encodeJournal(ANN, { entries: new Map(), state: {} });

const decode = (octets: Buffer | string): JournalContents =>
  decodeJournal(PATH, ANN, Buffer.isBuffer(octets) ? octets : Buffer.from(octets, "latin1"));

/** The octets of one write, and where in them its records end. */
function write(records: readonly LedgerChanges[]): string[] {
  let first = true;
  return records.map((record) => {
    const lines = encodeRecord(record).map((text) => {
      const line = encodeLine(text, first);
      first = false;
      return line;
    });
    return lines.join("");
  });
}

function withoutListing({ listing: _, due: __, ...state }: MailboxState): MailboxState {
  return state;
}

/** What these records come to. */
function outcome(records: readonly LedgerChanges[]): [entries: [string, LedgerEntry][], state: MailboxState] {
  const entries = new Map<string, LedgerEntry>();
  let state: MailboxState = {};
  for (const record of records) {
    const isAboutEntries = [...(record.entries ?? []), ...(record.forgotten ?? [])].length > 0;
    // What nothing was left to do with has changed.
    if (isAboutEntries) state = withoutListing(state);
    state = applyChanges(entries, state, record);
  }
  return [[...entries], state];
}

const entry = (id: string): LedgerEntry => ({ id, status: "delivered", firstSeen: 1 });
/** Four writes; the third is of three records, two of them of several lines. */
const WRITES: readonly (readonly LedgerChanges[])[] = [
  [{ entries: [entry("a")] }],
  [{ state: { lastRun: 1 } }],
  [
    { entries: [entry("b"), entry("c")], forgotten: ["a"] },
    { entries: [entry("d")] },
    { forgotten: ["b"], state: { lastRun: 2 } },
  ],
  [{ entries: [entry("e"), entry("f")] }],
];
const RECORDS = WRITES.flat();
const TEXTS = WRITES.flatMap(write);
const JOURNAL = HEADER + TEXTS.join("");
/** Where each record ends, and the header at first. */
const ENDS = TEXTS.reduce((ends, text) => [...ends, (ends.at(-1) as number) + text.length], [HEADER.length]);

/** The records that lie before `length`. */
const before = (length: number): LedgerChanges[] =>
  RECORDS.slice(
    0,
    ENDS.findLastIndex((end) => end <= length),
  );

function expectRecords(octets: Buffer | string, records: readonly LedgerChanges[], why: string): void {
  const { entries, state } = decode(octets);
  expect([[...entries], state], why).toEqual(outcome(records));
}

describe("a journal", () => {
  test("names its mailbox in its first line", () => {
    expect(HEADER.split("\n")[0]?.slice(9)).toBe(
      '{"popwright":"ledger","version":1,"mailbox":"ann@pop.example.com:995"}',
    );
    expect(() => decodeJournal(PATH, "bea", Buffer.from(JOURNAL))).toThrow(
      expect.objectContaining({
        code: "POP3_LEDGER",
        message: `${PATH} is the ledger of another mailbox`,
      }),
    );
  });

  test("returns all records that were written in it", () => {
    fc.assert(
      fc.property(fc.array(fc.array(changes, { minLength: 1, maxLength: 3 }), { maxLength: 5 }), (writes) => {
        expectRecords(HEADER + writes.flatMap(write).join(""), writes.flat(), "as it was written");
        const [entries, state] = outcome(writes.flat());
        const { lines, length, ...snapshot } = decode(
          encodeJournal(ANN, { entries: new Map(entries), state }),
        );
        expect([[...snapshot.entries], snapshot.state]).toEqual([entries, state]);
        expect(lines).toBe(2 + entries.length);
        expect(length).toBe(encodeJournal(ANN, { entries: new Map(entries), state }).length);
      }),
      { seed: 1939, numRuns: times(300) },
    );
  });

  test("reports its number of lines, and where the last record ends", () => {
    expect(decode(JOURNAL)).toMatchObject({ lines: 12, length: JOURNAL.length });
    expect(decode(`${JOURNAL}deadbeef>{`)).toMatchObject({ lines: 12, length: JOURNAL.length });
    expect(decode(JOURNAL.slice(0, -1))).toMatchObject({ lines: 10, length: ENDS.at(-2) });
    expect(decode("")).toMatchObject({ lines: 0, length: 0 });
  });
});

describe("a journal that was torn", () => {
  const TAILS = [
    "",
    "\0",
    "\0".repeat(4096),
    "garbage",
    "\n",
    "\n\n\0\n",
    "deadbeef>{}\n",
    `${"\xff".repeat(99)}\n`,
  ];

  test("at any octet has all complete records before it", () => {
    for (let cut = HEADER.length; cut <= JOURNAL.length; cut++) {
      const records = before(cut);
      for (const tail of TAILS) {
        // A line that lacks nothing but its line feed gets one by this.
        if (tail.startsWith("\n") && ENDS.includes(cut + 1)) continue;
        expectRecords(JOURNAL.slice(0, cut) + tail, records, `cut at ${cut}, and ${JSON.stringify(tail)}`);
      }
    }
  });

  test("within its header has no records, and anything else there is an error", () => {
    const header = HEADER.slice(0, HEADER.indexOf("\n") + 1);
    for (let cut = 0; cut < header.length; cut++) {
      expect(decode(header.slice(0, cut))).toMatchObject({ lines: 0, length: 0 });
      expect(decode(`${header.slice(0, cut)}${"\0".repeat(64)}`)).toMatchObject({ lines: 0, length: 0 });
    }
    for (const text of ["somebody's letters\n", "x", "{}", `${header.slice(0, 20)}x`, ` ${JOURNAL}`]) {
      expect(() => decode(text), text).toThrow(`the ledger ${PATH} is damaged in line 1`);
    }
  });

  test("anywhere in the last write has all of its records before that, whatever follows", () => {
    // The third write is the last here. A page of it, or a sector, has not come to the disk.
    const journal = JOURNAL.slice(0, ENDS[5]);
    const begin = ENDS[2] as number;
    for (let from = begin; from < journal.length; from++) {
      for (const length of [1, 16, 64]) {
        const octets = Buffer.from(journal);
        octets.fill(0, from, Math.min(from + length, octets.length));
        expectRecords(octets, before(from), `NULs from ${from} on, ${length} of them`);
      }
    }
  });
});

describe("a journal that is damaged", () => {
  /** The number of the line in which an octet is. */
  const lineOf = (at: number): number => JOURNAL.slice(0, at).split("\n").length;

  test("before its last write names the line", () => {
    // Without the line feed at its end it could be torn off together with the last write.
    for (let at = 0; at < (ENDS[5] as number) - 1; at++) {
      const octets = Buffer.from(JOURNAL);
      octets[at] = (octets[at] as number) ^ 1;
      expect(() => decode(octets), `octet ${at}`).toThrow(
        expect.objectContaining({
          code: "POP3_LEDGER",
          message: `the ledger ${PATH} is damaged in line ${lineOf(at)}`,
        }),
      );
    }
  });

  test("by a record without an end names the line", () => {
    const [first, second] = write([{ entries: [entry("x"), entry("y")] }])
      .join("")
      .split(/(?<=\n)/);
    const last = write([{ entries: [entry("z")] }]).join("");
    expectRecords(HEADER + String(first), [], "torn");
    expectRecords(
      HEADER + String(first) + String(second) + last,
      [{ entries: [entry("x"), entry("y"), entry("z")] }],
      "whole",
    );
    expect(() => decode(HEADER + String(first) + last)).toThrow("is damaged in line 4");
  });

  test("by an additional line names the line", () => {
    const lines = JOURNAL.split(/(?<=\n)/);
    for (let at = 1; at < 6; at++) {
      const text = [...lines.slice(0, at), "\n", ...lines.slice(at)].join("");
      expect(() => decode(text), `before line ${at + 1}`).toThrow(`is damaged in line ${at + 1}`);
    }
  });

  test.each(['{"id":', "", "7,8", "{} {}"])(
    "by a line that is not JSON, though its checksum is right: %j",
    (text) => {
      const good = encodeLine(encode({ forgotten: "a" }), true);
      for (const before of [0, 1, 499, 1203]) {
        const journal = [HEADER, good.repeat(before), encodeLine(text, true), good].join("");
        const number = HEADER.split("\n").length + before;
        expect(() => decode(journal), String(before)).toThrow(`is damaged in line ${number}`);
      }
      expect(() => decode(encodeLine(text, true))).toThrow("is damaged in line 1");
    },
  );
});

describe("a whole journal", () => {
  test("has each line marked as the start of a write", () => {
    const entries = new Map(["a", "b", "c"].map((id) => [id, entry(id)]));
    const lines = encodeJournal(ANN, { entries, state: { lastRun: 1 } }).split("\n");
    expect(lines.pop()).toBe("");
    expect(lines.map((line) => line.charAt(8))).toEqual([">", ">", ">", ">", ">"]);
  });

  test("may have no octets", () => {
    expect(decode("")).toEqual({
      ...{ entries: new Map(), state: {}, keyName: undefined },
      ...{ wasRunning: false, lines: 0, length: 0 },
    });
  });

  test("may be long", () => {
    const entries = new Map(Array.from({ length: 1201 }, (_, at) => [String(at), entry(String(at))]));
    const journal = encodeJournal(ANN, { entries, state: { lastRun: 1 } });
    expect(decode(journal)).toMatchObject({ entries, state: { lastRun: 1 }, lines: 1203 });
    for (const text of ["no JSON", encode({ unknown: 1 })])
      expect(() => decode(journal + encodeLine(text, true))).toThrow("line 1204");
  });
});
