// Splits the header section of a message into fields, in order and with unchanged bytes.
import { Pop3Error } from "../errors.ts";

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;

/** One field of a header section, undecoded. */
export interface RawField {
  /** The name as the sender wrote it. */
  readonly name: string;
  /** The whole field with its name and folding, without the line end at its end. */
  readonly raw: Buffer;
  /** The field body: all after the colon, still folded. */
  readonly body: Buffer;
}

/** The fields, and the start of the body. */
export interface HeaderSection {
  readonly fields: readonly RawField[];
  /** The number of bytes before the body: the header section and the empty line after it. */
  readonly bodyStart: number;
}

/** The default of `maxHeaderSize`, in bytes. Mail has a few KiB, and servers refuse more than 100 KiB or so. */
export const HEADER_MAX = 262_144;

/**
 * Reads the header section of a message, of which the first `max + 1` bytes are enough. Throws
 * `POP3_MESSAGE_TOO_LARGE` if the section is larger than `max` bytes.
 */
export function readBoundedSection(octets: Buffer, max: number): HeaderSection {
  const section = readHeaderSection(octets.subarray(0, max + 1));
  if (section.bodyStart <= max) return section;
  const message = `the header section is larger than maxHeaderSize (${String(max)} bytes)`;
  throw new Pop3Error("POP3_MESSAGE_TOO_LARGE", message);
}

/**
 * Reads up to the first empty line, or to the end. CRLF and bare LF both end a line, since stored mail has
 * both.
 *
 * Skips a line that is neither a field nor the continuation of one (such as an mbox `From ` line), with its
 * continuations. If no line is a field, there is no header section, and the whole message is the body.
 */
export function readHeaderSection(octets: Buffer): HeaderSection {
  const fields: RawField[] = [];
  // After the last line there is an empty one.
  for (let start = 0; ;) {
    const line = lineEnd(octets, start);
    if (line.end === start) return { fields, bodyStart: start === 0 || fields.length > 0 ? line.next : 0 };
    let { end, next } = line;
    while (isBlank(octets[next])) ({ end, next } = lineEnd(octets, next));
    const field = readField(octets.subarray(start, end));
    if (field !== undefined) fields.push(field);
    start = next;
  }
}

/**
 * Returns the field body on one line. As RFC 5322 section 2.2.3 says, unfolding removes only line ends.
 * Blanks at both ends are removed too; a bare CR or a NUL becomes a space.
 */
export function unfold(body: Buffer): Buffer {
  const line = Buffer.allocUnsafe(body.length);
  let length = 0;
  for (let at = 0; at < body.length; at++) {
    const octet = body[at] ?? 0;
    if (octet === LF || (octet === CR && body[at + 1] === LF)) continue;
    line[length++] = octet === CR || octet === 0 ? SPACE : octet;
  }
  while (isBlank(line[length - 1])) length--;
  let start = 0;
  // If all were blanks, it passes the end.
  while (isBlank(line[start])) start++;
  return line.subarray(start, length);
}

/**
 * Returns the end of the line that begins at `start`, without its line end, and the start of the next line.
 */
function lineEnd(octets: Buffer, start: number): { end: number; next: number } {
  const lf = octets.indexOf(LF, start);
  if (lf < 0) return { end: octets.length, next: octets.length };
  return { end: octets[lf - 1] === CR ? lf - 1 : lf, next: lf + 1 };
}

/**
 * RFC 5322 section 2.2: a name is printable US-ASCII except the colon. Section 4.5 allows blanks before the
 * colon.
 */
function readField(raw: Buffer): RawField | undefined {
  let end = 0;
  while (isNameOctet(raw[end] ?? 0)) end++;
  let colon = end;
  while (isBlank(raw[colon])) colon++;
  if (end === 0 || raw[colon] !== COLON) return undefined;
  return { name: raw.toString("latin1", 0, end), raw, body: raw.subarray(colon + 1) };
}

function isNameOctet(octet: number): boolean {
  return octet > SPACE && octet < 0x7f && octet !== COLON;
}

function isBlank(octet: number | undefined): boolean {
  return octet === SPACE || octet === TAB;
}
