// The line before each message in an mbox. Of our own the sender is the key, by which a message is known again.
import type { FileHandle } from "node:fs/promises";

/** Octets that are read at a time. */
const BLOCK = 256 * 1024;
const BEGIN = "\nFrom ";
const OURS = /^\nFrom ([0-9a-f]{64})@popwright /;
/** How many characters {@link OURS} takes. */
const ENOUGH = BEGIN.length + 64 + "@popwright ".length;

/** With so many characters of its line a message is known again. */
export const MARK: number = ENOUGH - 1;

const WHOLE = /^From [0-9a-f]{64}@popwright [A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4}\n$/;

/** Whether {@link fromLine} may have given this. */
export function isFromLine(line: string): boolean {
  return WHOLE.test(line);
}

/** A key that no message has. */
export const NO_KEY: string = "0".repeat(64);

/** Where the key is within the line. */
export const KEY_AT: number = "From ".length;

/** `From <key>@popwright Thu Jan  1 00:00:00 1970`, with its line end; the time is UTC, as it is used to be. */
export function fromLine(key: string, date: Date): string {
  const [weekday, day = "", month, year, time] = date.toUTCString().replace(",", "").split(" ");
  const days = day.replace(/^0/, " ");
  return `From ${key}@popwright ${[weekday, month, days, time, year].join(" ")}\n`;
}

export interface FromLine {
  /** Where it begins; octets. */
  readonly at: number;
  /** `undefined`: another program's. */
  readonly key: string | undefined;
}

/** Finds these lines, from an offset on, reading the file once and holding little of it. */
export async function* fromLines(file: FileHandle, from = 0): AsyncGenerator<FromLine, void> {
  const block = Buffer.allocUnsafe(BLOCK);
  // The octet before is wanted: a line begins behind a line end, or with the file.
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
