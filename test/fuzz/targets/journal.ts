// The journal of a ledger. A part of each input is a journal with damage, the rest are entries. Oracles: only `POP3_LEDGER` is
// thrown; what is written is read again; a journal that is cut anywhere is read up to its last complete record; and one changed
// octet is never read as another entry.
import { decodeJournal, encodeJournal } from "../../../src/fetch/ledger/journal-contents.ts";
import { encodeHeader, readHeader } from "../../../src/fetch/ledger/journal-header.ts";
import { encode, encodeLine, encodeRecord } from "../../../src/fetch/ledger/journal-line.ts";
import type { LedgerEntry } from "../../../src/fetch/ledger/ledger.ts";
import { entryFrom } from "../ledger-entry.ts";
import { expectSame, expectThat, octets, outcomeOf, text } from "../oracle.ts";

export const FILES: readonly string[] = [
  ...["fetch/ledger/journal-contents", "fetch/ledger/journal-header", "fetch/ledger/journal-line"],
  "fetch/ledger/journal-records",
];
export const TOKENS: readonly string[] = [
  ...[
    '{"id":"a","status":"delivered","firstSeen":1}',
    '{"forgotten":"a"}',
    '{"state":{}}',
    '{"state":{"listing":"x"}}',
  ],
  ...[
    '{"id":"a","status":"failed","firstSeen":1},',
    "\n",
    ",",
    ">",
    " ",
    "null",
    "[]",
    "1]",
    '"',
    "\0",
    "00000000>",
  ],
];

const PATH = "ann.journal";
const MAILBOX = "ann@example.com";
const CODES = ["POP3_LEDGER"];
const HEADER = encodeHeader({ mailbox: MAILBOX, keyName: undefined });

function read(journal: Buffer): ReturnType<typeof decodeJournal> | undefined {
  const outcome = outcomeOf(CODES, () => decodeJournal(PATH, MAILBOX, journal));
  if ("code" in outcome) return undefined;
  const { length, lines } = outcome.value;
  expectThat(
    length >= 0 && length <= journal.length && lines <= journal.length,
    "the length of a journal",
    length,
  );
  return outcome.value;
}

export function fuzz(data: Buffer): void {
  read(data);
  outcomeOf(CODES, () => readHeader(PATH, { octets: data, latin1: text(data) }));
  // Each line of the input with the checksum that it needs, so that what follows the checksum is tried as well.
  const lines = text(data).split("\n").slice(0, 20);
  const journal = octets(
    HEADER + lines.map((line) => encodeLine(line.replace(/^>/, ""), line.startsWith(">"))).join(""),
  );
  const contents = read(journal);
  if (contents !== undefined) {
    const { entries, state, keyName } = contents;
    const again = read(octets(encodeJournal(MAILBOX, { entries, state, keyName })));
    expectSame([again?.entries, again?.state], [entries, state], "a journal written and read again");
  }
  checkWritten(data);
}

/** Entries whose values come from the input, in records as the ledger writes them. */
function checkWritten(data: Buffer): void {
  const ids = data.toString("utf8").split("\n").slice(0, 6);
  const entries = ids.map((id, index) => entryFrom(data, index, id));
  const records = entries.map((entry, index) =>
    encodeRecord(index % 3 === 2 ? { entries: [entry], forgotten: [ids[0] ?? ""] } : { entries: [entry] }),
  );
  const ends: number[] = [HEADER.length];
  let journal = HEADER;
  for (const record of records) {
    journal += record.map((line, at) => encodeLine(line, at === 0)).join("");
    ends.push(journal.length);
  }
  const written = octets(journal);
  const cut = data.length === 0 ? 0 : data.readUIntBE(0, Math.min(data.length, 2)) % (written.length + 1);
  const whole = ends.filter((end) => end <= cut).length - 1;
  const part = read(written.subarray(0, cut));
  expectThat(part !== undefined, "a journal that was cut", cut);
  expectSame(part.length, whole < 0 ? 0 : ends[whole], "the last complete record");
  expectSame(
    part.entries,
    applied(entries, ids, Math.max(whole, 0)),
    "the entries of a journal that was cut",
  );

  const flipped = Buffer.from(written);
  if (cut < flipped.length) flipped[cut] = (flipped[cut] as number) ^ (1 << (data.length % 8));
  const damaged = read(flipped);
  if (damaged === undefined) return;
  const known = [...Array(records.length + 1).keys()].map((count) =>
    encode([...applied(entries, ids, count)]),
  );
  expectThat(
    known.includes(encode([...damaged.entries])),
    "a changed octet that is read as another entry",
    cut,
  );
}

/** What `count` records leave. */
function applied(
  entries: readonly LedgerEntry[],
  ids: readonly string[],
  count: number,
): Map<string, LedgerEntry> {
  const map = new Map<string, LedgerEntry>();
  for (const [index, entry] of entries.slice(0, count).entries()) {
    map.set(entry.id, entry);
    if (index % 3 === 2) map.delete(ids[0] ?? "");
  }
  return map;
}

export function parse(data: Buffer): void {
  const line = encodeLine(encodeRecord({ forgotten: ["a"] })[0] as string, true);
  outcomeOf(CODES, () =>
    decodeJournal(PATH, MAILBOX, octets(HEADER + line.repeat(data.length / line.length))),
  );
  outcomeOf(CODES, () => decodeJournal(PATH, MAILBOX, data));
}
