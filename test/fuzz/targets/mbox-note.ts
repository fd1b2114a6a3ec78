// The note of an append to an mbox: it says which octets of the mbox may be removed. Oracles: its grammar; a note that is
// cut or zeroed anywhere says nothing; what is written is read again; only our copies are found in a directory.
import { createHash } from "node:crypto";
import { fromLine, isFromLine } from "../../../src/fetch/destinations/from-line.ts";
import { findCopies, noteOf, notedIn, type Noted } from "../../../src/fetch/destinations/mbox-note.ts";
import { expectSame, expectThat, text } from "../oracle.ts";

export const FILES: readonly string[] = ["fetch/destinations/mbox-note", "fetch/destinations/from-line"];

const KEY = "0123456789abcdef".repeat(4);
const LINE = fromLine(KEY, new Date(0));
const WRITTEN: Noted = { line: LINE, octets: 200, digest: KEY, at: 10, gap: 1 };
const NAME = "-7-0123456789abcdef-0123456789abcdef";

export const TOKENS: readonly string[] = [
  JSON.stringify(WRITTEN),
  JSON.stringify([WRITTEN, { ...WRITTEN, at: 210, gap: 0 }]),
  ...[LINE, KEY, '"gap":2', '"at":0', '"octets":1', "-1", "1e21", "1.5", "null", "\0", '"', "{", "}", ","],
  ...["[", "]", ".inbox.popwright", NAME, ".new", "\n"],
];

export function fuzz(data: Buffer): void {
  const group = notedIn(text(data));
  let end: number | undefined;
  for (const noted of group) {
    const { line, octets, digest, at, gap } = noted;
    expectThat(/^From [0-9a-f]{64}@popwright .{24}\n$/.test(line), "a first line", line);
    expectThat(/^[0-9a-f]{64}$/.test(digest), "a digest", digest);
    for (const size of [octets, at, gap]) expectThat(Number.isSafeInteger(size) && size >= 0, "a size", size);
    expectThat(octets > line.length && gap <= 2 && gap <= at, "octets that the message does not have", noted);
    expectThat(
      end === undefined || (at === end && gap === 0),
      "a message directly after the one before",
      noted,
    );
    end = at + octets;
  }
  if (group.length > 0) expectSame(notedIn(noteOf(group)), group, "a note written and read again");
  checkWritten(data);
  const names = text(data).split("\n");
  const copies = names.filter((name) => /^\.inbox\.popwright-[0-9]+(?:-[0-9a-f]{16}){2}\.new$/.test(name));
  expectSame(findCopies("/mail/inbox", names), copies, "the copies in a directory");
}

/** A note whose values come from the input. */
function checkWritten(data: Buffer): void {
  const digest = createHash("sha256").update(data).digest("hex");
  const number = data.length < 5 ? data.length : data.readUIntBE(0, 5);
  // To the end of the year 9999.
  const line = fromLine(
    digest,
    new Date(((number / 2 ** 40) * 8030 + (data[5] ?? 0) / 255) * 31_556_952_000),
  );
  expectThat(isFromLine(line), "a first line that is not known again", line);
  const noted: Noted = {
    line,
    octets: line.length + 1 + number,
    digest,
    at: number,
    gap: Math.min(2, number),
  };
  expectThat(noteOf([noted]) === JSON.stringify(noted), "a note that older versions read", noted);
  for (const group of [[noted], [noted, { ...noted, at: noted.at + noted.octets, gap: 0 }]]) {
    const written = noteOf(group);
    expectSame(notedIn(written), group, "a note of the input, written and read again");
    const cut = data.length < 2 ? data.length : data.readUInt16BE(data.length - 2) % written.length;
    for (const rest of ["", "\0".repeat(written.length - cut), " ".repeat(written.length - cut)])
      expectSame(notedIn(written.slice(0, cut) + rest), [], "a note that was cut");
  }
}

export function parse(data: Buffer): void {
  notedIn(text(data));
  findCopies("/mail/inbox", text(data).split("\n"));
}
