// Encodes and decodes one line of a journal: a checksum, then one recorded fact as JSON. The checksum shows if a
// line is torn.
//
//   9c0a1f3e>{"id":"a1","status":"delivered","firstSeen":1760000000000,"size":2048},
//   checksum ^ the first line of a write, a space in the others         continues in the next line ^
import type { LedgerChanges, LedgerEntry, MessageStatus } from "./ledger.ts";

export interface JournalLine {
  /**
   * Whether a write begins with this line. Writes do not overlap: all lines before it were durable when it
   * began.
   */
  readonly first: boolean;
  /** Whether the record continues in the next line. The record is complete only with its last line. */
  readonly more: boolean;
  /** The recorded fact, or the header of the journal: JSON. */
  readonly text: string;
}

/** Returns the lines of a record. {@link encodeLine} completes them. */
export function encodeRecord({ entries = [], forgotten = [], state }: LedgerChanges): string[] {
  const texts = [...entries.map(encode), ...forgotten.map((id) => encode({ forgotten: id }))];
  if (state !== undefined) texts.push(encode({ state }));
  return texts.map((text, at) => (at < texts.length - 1 ? `${text},` : text));
}

/** A table, so that the compiler reports a missing status. */
const STATUSES: Readonly<Record<MessageStatus, true>> = {
  delivered: true,
  headers: true,
  baseline: true,
  skipped: true,
  failed: true,
  quarantined: true,
  deleted: true,
};

/** Returns what the value of a line changes, or `undefined` if this version does not know such lines. */
export function changesOf(value: unknown): LedgerChanges | undefined {
  const { id, status, firstSeen, forgotten, state } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof forgotten === "string") return { forgotten: [forgotten] };
  if (typeof state === "object" && state !== null) return { state };
  const isStatus = typeof status === "string" && Object.hasOwn(STATUSES, status);
  const isEntry = isStatus && typeof id === "string" && typeof firstSeen === "number";
  return isEntry ? { entries: [value as LedgerEntry] } : undefined;
}

/** Returns JSON in printable ASCII: one octet per character, without line ends or control characters. */
export function encode(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

export function encodeLine(text: string, first: boolean): string {
  const line = `${first ? ">" : " "}${text}`;
  const digits = checksum(Buffer.from(line, "latin1"), 0, line.length).toString(16).padStart(DIGITS, "0");
  return `${digits}${line}\n`;
}

/** The number of digits of a checksum. */
const DIGITS = 8;
const [LF, SPACE, GREATER, COMMA] = [0x0a, 0x20, 0x3e, 0x2c];

/**
 * The octets of a journal, and the same as a string with one character per octet: lines are cut from it
 * faster.
 */
export interface JournalText {
  readonly octets: Buffer;
  readonly latin1: string;
}

/**
 * Decodes the line from `from` to the line feed at `to`. Returns `undefined` if popwright did not write the
 * line, or not like this.
 */
export function decodeLine(
  { octets, latin1 }: JournalText,
  from: number,
  to: number,
): JournalLine | undefined {
  const mark = from + DIGITS;
  if (octets[to] !== LF || (octets[mark] !== GREATER && octets[mark] !== SPACE)) return undefined;
  if (Number.parseInt(latin1.slice(from, mark), 16) !== checksum(octets, mark, to)) return undefined;
  const more = octets[to - 1] === COMMA;
  return { first: octets[mark] === GREATER, more, text: latin1.slice(mark + 1, more ? to - 1 : to) };
}

/** FNV-1a, 32 bits: detects accidental damage, and is as fast as JavaScript can process octets. */
function checksum(octets: Buffer, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ (octets[at] as number), 0x01000193);
  return hash >>> 0;
}
