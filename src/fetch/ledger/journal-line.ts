// A line of a journal: one thing that was recorded, as JSON, behind a checksum, so that a part of a line is none.
//
//   9c0a1f3e>{"id":"a1","status":"delivered","firstSeen":1760000000000,"size":2048},
//   checksum ^ the first line of a write, a space in the others         the record goes on in the next line ^
import type { LedgerChanges, LedgerEntry, MessageStatus } from "./ledger.ts";

export interface JournalLine {
  /** Whether a write begins here. Writes follow each other: what stands before it was durable when it began. */
  readonly first: boolean;
  /** Whether the record goes on in the next line: it is whole with its last line, and not before. */
  readonly more: boolean;
  /** What was recorded, or what heads the journal: JSON. */
  readonly text: string;
}

/** The lines of a record, to be completed by {@link encodeLine}. */
export function encodeRecord({ entries = [], forgotten = [], state }: LedgerChanges): string[] {
  const texts = [...entries.map(encode), ...forgotten.map((id) => encode({ forgotten: id }))];
  if (state !== undefined) texts.push(encode({ state }));
  return texts.map((text, at) => (at < texts.length - 1 ? `${text},` : text));
}

/** A table, so that the compiler asks for each status. */
const STATUSES: Readonly<Record<MessageStatus, true>> = {
  delivered: true,
  headers: true,
  baseline: true,
  skipped: true,
  failed: true,
  quarantined: true,
  deleted: true,
};

/** What the value of a line changes; `undefined`: this version does not know such lines. */
export function changesOf(value: unknown): LedgerChanges | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { id, status, firstSeen, forgotten, state } = value as Readonly<Record<string, unknown>>;
  if (typeof forgotten === "string") return { forgotten: [forgotten] };
  if (typeof state === "object" && state !== null) return { state };
  const isStatus = typeof status === "string" && Object.hasOwn(STATUSES, status);
  const isEntry = isStatus && typeof id === "string" && typeof firstSeen === "number";
  return isEntry ? { entries: [value as LedgerEntry] } : undefined;
}

/** JSON in printable ASCII: one octet a character, no line end, and nothing that a terminal acts upon. */
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

/** How many digits a checksum has. */
const DIGITS = 8;
const [LF, SPACE, GREATER, COMMA] = [0x0a, 0x20, 0x3e, 0x2c];

/** The octets of a journal, and the same in a form that is quick to take a line from: a character each. */
export interface JournalText {
  readonly octets: Buffer;
  readonly latin1: string;
}

/** The line from `from` to `to`, where its line feed is; `undefined`: none that we have written, or not as we did. */
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

/** FNV-1a, 32 bits: against accidents, and as fast as JavaScript goes over octets. */
function checksum(octets: Buffer, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ (octets[at] as number), 0x01000193);
  return hash >>> 0;
}
