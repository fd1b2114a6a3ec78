// Writes and finds the `From ` line before each message in an mbox. In our own lines the sender is the key of
// the message, by which it is recognised.
import type { FileHandle } from "node:fs/promises";

/** How much is read at a time; octets. */
const BLOCK = 256 * 1024;
const BEGIN = "\nFrom ";
const OURS = /^\nFrom ([0-9a-f]{64})@popwright /;
/** The number of characters that {@link OURS} matches. */
const ENOUGH = BEGIN.length + 64 + "@popwright ".length;

/** A message is recognised if this many characters of its line are there. */
export const MARK: number = ENOUGH - 1;

const WHOLE = /^From [0-9a-f]{64}@popwright [A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4}\n$/;

/** Tells whether {@link fromLine} may have returned this line. */
export function isFromLine(line: string): boolean {
  return WHOLE.test(line);
}

/** A key that no message has. */
export const NO_KEY: string = "0".repeat(64);

/** The position of the key in the line. */
export const KEY_AT: number = "From ".length;

/** Returns `From <key>@popwright Thu Jan  1 00:00:00 1970` and a line end. The time is UTC, as is usual. */
export function fromLine(key: string, date: Date): string {
  const [weekday, day = "", month, year, time] = date.toUTCString().replace(",", "").split(" ");
  const days = day.replace(/^0/, " ");
  return `From ${key}@popwright ${[weekday, month, days, time, year].join(" ")}\n`;
}

export interface FromLine {
  /** Where the line begins; octets. */
  readonly at: number;
  /** The key, or `undefined` if another program wrote the line. */
  readonly key: string | undefined;
}

/** Finds these lines, starting at an offset. Reads the file once, and holds little of it in memory. */
export async function* fromLines(file: FileHandle, from = 0): AsyncGenerator<FromLine, void> {
  const block = Buffer.allocUnsafe(BLOCK);
  // Read the octet before, too: a line begins after a line end, or at the start of the file.
  let read = Math.max(0, from - 1);
  let window = Buffer.from(from === 0 ? "\n" : "");
  for (let isLast = false; !isLast;) {
    const { bytesRead } = await file.read(block, 0, BLOCK, read);
    isLast = bytesRead === 0;
    read += bytesRead;
    window = Buffer.concat([window, block.subarray(0, bytesRead)]);
    const windowAt = read - window.length;
    let next = 0;
    for (let at = 0; ; at = next) {
      at = window.indexOf(BEGIN, at);
      if (at === -1) {
        next = Math.max(next, window.length - BEGIN.length + 1);
        break;
      }
      next = at;
      if (at + ENOUGH > window.length && !isLast) break;
      yield { at: windowAt + at + 1, key: OURS.exec(window.toString("latin1", at, at + ENOUGH))?.[1] };
      next = at + 1;
    }
    window = window.subarray(next);
  }
}
