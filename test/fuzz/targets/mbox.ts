// The text of a message in an mbox (mboxrd), and the lines by which the messages in a file are found. Oracles: another
// implementation, any cutting, and that a message is found again in the file.
import type { FileHandle } from "node:fs/promises";
import { fromLine, fromLines } from "../../../src/fetch/destinations/from-line.ts";
import { MboxText } from "../../../src/fetch/destinations/mbox-text.ts";
import { bodiesOf, mboxForm } from "../../support/mbox-form.ts";
import { cuts, expectSame, octets, text } from "../oracle.ts";

export const FILES: readonly string[] = ["fetch/destinations/mbox-text", "fetch/destinations/from-line"];
const KEY = "0123456789abcdef".repeat(4);
const LINE = fromLine(KEY, new Date(0));
export const TOKENS: readonly string[] = [
  "From ",
  ">From ",
  ">>From ",
  "\r\n",
  "\n",
  "\r",
  ">",
  "From",
  "\nFrom ",
  LINE,
  `${KEY}@popwright `,
  "\r\nFr",
];

function converted(pieces: readonly Buffer[]): string {
  const converter = new MboxText();
  const parts = pieces.map((piece) => Buffer.from(converter.push(piece)));
  return text(Buffer.concat([...parts, converter.end()]));
}

/** A file in memory, of which a read gives as much as the pieces say. */
function fileOf(pieces: readonly Buffer[]): FileHandle {
  const all = Buffer.concat(pieces);
  const ends = new Set<number>();
  let end = 0;
  for (const piece of pieces) ends.add((end += piece.length));
  const read = (
    block: Buffer,
    offset: number,
    length: number,
    at: number,
  ): Promise<{ readonly bytesRead: number }> => {
    const next = [...ends].find((each) => each > at) ?? all.length;
    const bytesRead = all.copy(block, offset, Math.min(at, all.length), Math.min(next, at + length));
    return Promise.resolve({ bytesRead });
  };
  return { read } as unknown as FileHandle;
}

async function found(pieces: readonly Buffer[], from = 0): Promise<string> {
  const lines: string[] = [];
  for await (const { at, key } of fromLines(fileOf(pieces), from)) lines.push(`${String(at)} ${key ?? ""}`);
  return lines.join(", ");
}

function expectedLines(file: string, from: number): string {
  return [...file.matchAll(/(?<=^|\n)From /g)]
    .filter(({ index }) => index >= from)
    .map(
      ({ index }) =>
        `${String(index)} ${/^From ([0-9a-f]{64})@popwright /.exec(file.slice(index))?.[1] ?? ""}`,
    )
    .join(", ");
}

export async function fuzz(data: Buffer): Promise<void> {
  const expected = text(mboxForm(data));
  expectSame(converted([data]), expected, "a message in an mbox");
  const file = Buffer.concat([octets(LINE), octets(expected), octets(LINE), octets(expected)]);
  expectSame(bodiesOf(file).map(text), [expected, expected], "the messages of an mbox");
  const from = data.length % 7;
  for (const pieces of cuts(data)) {
    expectSame(converted(pieces), expected, "a message in an mbox, in pieces");
    expectSame(await found(pieces), expectedLines(text(data), 0), "the lines of an mbox, in pieces");
    expectSame(
      await found(pieces, from),
      expectedLines(text(data), from),
      "the lines of an mbox from an offset",
    );
  }
}

export function parse(data: Buffer): Promise<unknown> {
  converted([data]);
  return found([data]);
}
