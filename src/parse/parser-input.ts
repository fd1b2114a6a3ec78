// The parser gets the fields that it must understand, one line each, then the body, in slices with a pause between them.
import { isUtf8 } from "node:buffer";
import { Readable } from "node:stream";
import { Pop3AbortError } from "../errors.ts";
import { decodeWindows1252 } from "./charset.ts";
import { unfold } from "./fields.ts";
import type { RawField } from "./fields.ts";

/** Of these all are given to the parser; of every other field the first. */
const REPEATED: ReadonlySet<string> = new Set(["to", "cc", "bcc"]);

const FIELDS = /^(?:from|to|cc|bcc|reply-to|content-.*)$/;

/** Octets at a time: the parser works on each slice without a pause, and copies of it are what it holds at once. */
const SLICE = 65_536;

/**
 * The header section with no more than the parser needs: the rest is read without it, in linear time and with the
 * charsets of the platform. So neither a field of 20 MB nor a second `Content-Type` can confuse it.
 */
export function parserHeader(fields: readonly RawField[]): Buffer {
  const lines: Buffer[] = [];
  const seen = new Set<string>();
  for (const field of fields) {
    const name = field.name.toLowerCase();
    if (!FIELDS.test(name) || (seen.has(name) && !REPEATED.has(name))) continue;
    const value = parserValue(field.body);
    // RFC 2045 section 5.2: a type that is none ("Content-Type: text") is read as text/plain, as if it were not there.
    if (name === "content-type" && !/^[^;/\s]+\/[^;/\s]/.test(value.toString("latin1", 0, 128))) continue;
    seen.add(name);
    lines.push(Buffer.from(`${name}: `, "latin1"), value, Buffer.from("\r\n"));
  }
  lines.push(Buffer.from("\r\n"));
  return Buffer.concat(lines);
}

/** The octets as a stream, which fails with a `Pop3AbortError` once the signal is aborted. */
export function parserInput(pieces: readonly Buffer[], signal: AbortSignal | undefined): Readable {
  return Readable.from(slices(pieces, signal), { objectMode: false, highWaterMark: SLICE });
}

function* slices(pieces: readonly Buffer[], signal: AbortSignal | undefined): Generator<Buffer> {
  for (const octets of pieces) {
    for (let at = 0; at < octets.length; at += SLICE) {
      if (signal?.aborted === true) throw new Pop3AbortError(signal.reason);
      yield octets.subarray(at, at + SLICE);
    }
  }
}

/** The field body on one line, in UTF-8: the parser would make U+FFFD of anything else. */
function parserValue(body: Buffer): Buffer {
  const line = unfold(body);
  return isUtf8(line) ? line : Buffer.from(decodeWindows1252(line));
}
