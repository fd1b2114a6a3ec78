// Makes the input of mailparser: the fields that it needs, one line each, then the body, in slices with a
// pause between.
import { isUtf8 } from "node:buffer";
import { Readable } from "node:stream";
import { Pop3AbortError } from "../errors.ts";
import { decodeWindows1252 } from "./charset.ts";
import { unfold } from "./fields.ts";
import type { RawField } from "./fields.ts";

/** The fields of which the parser gets all. Of every other field it gets the first. */
const REPEATED: ReadonlySet<string> = new Set(["to", "cc", "bcc"]);

const FIELDS = /^(?:from|to|cc|bcc|reply-to|content-.*)$/;

/** Bytes in a slice. The parser processes a slice without a pause, and copies only one slice at a time. */
const SLICE = 65_536;

/**
 * Returns a header section with only the fields that the parser needs. We read the others ourselves, in
 * linear time and with the charsets of the platform. So neither a field of 20 MB nor a second `Content-Type`
 * can confuse the parser.
 */
export function parserHeader(fields: readonly RawField[]): Buffer {
  const lines: Buffer[] = [];
  const seen = new Set<string>();
  for (const field of fields) {
    const name = field.name.toLowerCase();
    if (!FIELDS.test(name) || (seen.has(name) && !REPEATED.has(name))) continue;
    const value = parserValue(field.body);
    // RFC 2045 section 5.2: an invalid type ("Content-Type: text") means text/plain, so the field is dropped.
    if (name === "content-type" && !/^[^;/\s]+\/[^;/\s]/.test(value.toString("latin1", 0, 128))) continue;
    seen.add(name);
    lines.push(Buffer.from(`${name}: `, "latin1"), value, Buffer.from("\r\n"));
  }
  lines.push(Buffer.from("\r\n"));
  return Buffer.concat(lines);
}

/** Returns the bytes as a stream. It fails with a `Pop3AbortError` after the signal is aborted. */
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

/** Returns the field body on one line in UTF-8: the parser replaces all other bytes by U+FFFD. */
function parserValue(body: Buffer): Buffer {
  const line = unfold(body);
  return isUtf8(line) ? line : Buffer.from(decodeWindows1252(line));
}
