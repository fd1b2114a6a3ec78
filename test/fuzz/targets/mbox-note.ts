// The note of an append to an mbox: it says which octets of the mbox may be removed. Oracles: its grammar; a note that is
// cut or zeroed anywhere says nothing; what is written is read again; only our copies are found in a directory.
import { createHash } from "node:crypto";
import { fromLine, isFromLine } from "../../../src/fetch/destinations/from-line.ts";
import { findCopies, notedIn, type Noted } from "../../../src/fetch/destinations/mbox-note.ts";
import { expectSame, expectThat, text } from "../oracle.ts";

export const FILES: readonly string[] = ["fetch/destinations/mbox-note", "fetch/destinations/from-line"];

const KEY = "0123456789abcdef".repeat(4);
const LINE = fromLine(KEY, new Date(0));
const WRITTEN: Noted = { line: LINE, octets: 200, digest: KEY, at: 10, gap: 1 };
const NAME = "-7-0123456789abcdef-0123456789abcdef";

export const TOKENS: readonly string[] = [
  JSON.stringify(WRITTEN),
  ...[LINE, KEY, '"gap":2', '"at":0', '"octets":1', "-1", "1e21", "1.5", "null", "\0", '"', "{", "}", ","],
  ...[".inbox.popwright", NAME, ".new", "\n"],
];

export function fuzz(data: Buffer): void {
  const noted = notedIn(text(data));
  if (noted !== undefined) {
    const { line, octets, digest, at, gap } = noted;
    expectThat(/^From [0-9a-f]{64}@popwright .{24}\n$/.test(line), "a first line", line);
    expectThat(/^[0-9a-f]{64}$/.test(digest), "a digest", digest);
    for (const size of [octets, at, gap]) expectThat(Number.isSafeInteger(size) && size >= 0, "a size", size);
    expectThat(octets > line.length && gap <= 2 && gap <= at, "octets that the message does not have", noted);
    expectSame(notedIn(JSON.stringify(noted)), noted, "a note written and read again");
  }
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
  const written = JSON.stringify(noted);
  expectSame(notedIn(written), noted, "a note of the input, written and read again");
  const cut = data.length < 2 ? data.length : data.readUInt16BE(data.length - 2) % written.length;
  for (const rest of ["", "\0".repeat(written.length - cut), " ".repeat(written.length - cut)])
    expectSame(notedIn(written.slice(0, cut) + rest), undefined, "a note that was cut");
}

export function parse(data: Buffer): void {
  notedIn(text(data));
  findCopies("/mail/inbox", text(data).split("\n"));
}
