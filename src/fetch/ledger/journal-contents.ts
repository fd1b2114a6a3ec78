// What a journal says: its whole records, in order. What was torn at its end was never acknowledged, and is nothing;
// damage before that is never passed over.
import { Pop3Error } from "../../errors.ts";
import { applyChanges } from "./changes.ts";
import { changesOf, decodeLine, encode, encodeLine, type JournalText } from "./journal-line.ts";
import type { LedgerEntry, LedgerSnapshot, MailboxState } from "./ledger.ts";

/**
 * The newest format that this version reads. A journal names the oldest format with which a reader understands all of
 * it, so that an older version can go on with it whenever that is safe, and refuses it when it is not:
 *
 * 1. What a journal was from the first release on. Fields of entries and of the state may be added to it: a reader
 *    that does not know them ignores them.
 * 2. The header has `keyName`. A reader that ignored it would give messages other keys.
 *
 * A new kind of line, a new status, or a field that has to be understood is a new format.
 */
const FORMAT = 2;
const LF = 0x0a;

export interface JournalContents extends LedgerSnapshot {
  readonly entries: Map<string, LedgerEntry>;
  readonly keyName: string | undefined;
  /** How many lines there are. */
  readonly lines: number;
  /** Where the last whole record ends; octets. What is behind it has to go before anything is appended. 0: no journal. */
  readonly length: number;
}

/** A journal that says no more than this. */
export function encodeJournal(mailbox: string, { entries, state, keyName }: LedgerSnapshot): string {
  const lines = [header(mailbox, keyName), encodeLine(encode({ state }), true)];
  // Each begins a write: they are durable before the journal has its name, so none of them can be torn.
  for (const entry of entries.values()) lines.push(encodeLine(encode(entry), true));
  return lines.join("");
}

/**
 * Throws `POP3_LEDGER` if `octets` are not a journal of this mailbox, are damaged, or were written by a newer version.
 * `path`: for messages.
 */
export function decodeJournal(path: string, mailbox: string, octets: Buffer): JournalContents {
  const text: JournalText = { octets, latin1: octets.toString("latin1") };
  const { end, keyName } = readHeader(path, mailbox, text);
  let length = end;
  if (length === 0) return { entries: new Map(), state: {}, keyName, lines: 0, length };
  const lines: string[] = [];
  /** Of these: the lines of whole records. */
  let whole = 0;
  let damaged: number | undefined;
  for (let from = length, number = 2; ; number++) {
    const to = text.latin1.indexOf("\n", from);
    if (to === -1) return { ...apply(path, lines.slice(0, whole)), keyName, lines: whole + 1, length };
    const line = decodeLine(text, from, to);
    from = to + 1;
    // A record that has no end is damaged, too, where a write begins behind it.
    if (line === undefined || (line.first && lines.length > whole)) damaged ??= number;
    // A crash may leave any part of the last write. Where another begins behind it, it was not the last.
    if (damaged !== undefined && line?.first === true) throw damage(path, damaged);
    if (damaged !== undefined || line === undefined) continue;
    lines.push(line.text);
    if (line.more) continue;
    whole = lines.length;
    length = from;
  }
}

/** What lines change, from the second one on, one behind the other. */
function apply(path: string, lines: readonly string[]): Pick<JournalContents, "entries" | "state"> {
  const entries = new Map<string, LedgerEntry>();
  let state: MailboxState = {};
  for (let at = 0; at < lines.length; at += TOGETHER) {
    for (const [index, value] of parse(path, lines.slice(at, at + TOGETHER), at + 2).entries()) {
      const changes = changesOf(value);
      if (changes === undefined) throw unknownLine(path, at + 2 + index);
      state = applyChanges(entries, state, changes);
    }
  }
  return { entries, state };
}

/** So many lines are parsed in one go, which takes a fifth less time than one by one. */
const TOGETHER = 500;

/** `number`: of the first line, for messages. */
function parse(path: string, lines: readonly string[], number: number): readonly unknown[] {
  try {
    const values = JSON.parse(`[${lines.join(",")}]`) as readonly unknown[];
    if (values.length === lines.length) return values;
  } catch {
    // Its checksum is right, so it was written like that.
  }
  throw damage(path, number + lines.findIndex((line) => !isJson(line)));
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

function header(mailbox: string, keyName?: string): string {
  const head = { popwright: "ledger", version: keyName === undefined ? 1 : FORMAT, mailbox, keyName };
  return encodeLine(encode(head), true);
}

/** What the first line says. */
interface Header {
  /** Where it ends; octets. 0: no more than a part of it was ever written. */
  readonly end: number;
  readonly keyName: string | undefined;
}

function readHeader(path: string, mailbox: string, text: JournalText): Header {
  const to = text.octets.indexOf(LF);
  const line = decodeLine(text, 0, to);
  if (line === undefined) {
    if (header(mailbox).startsWith(text.latin1.replace(/\0+$/, ""))) return { end: 0, keyName: undefined };
    throw damage(path, 1);
  }
  const head = parse(path, [line.text], 1)[0];
  const { version, mailbox: name, keyName } = (head ?? {}) as Readonly<Record<string, unknown>>;
  const known = keyName === undefined || typeof keyName === "string";
  if (typeof version !== "number" || !(version >= 1) || !Number.isInteger(version)) throw damage(path, 1);
  if (version > FORMAT) throw newer(path, version);
  if (!known) throw damage(path, 1);
  if (name !== mailbox) throw new Pop3Error("POP3_LEDGER", `${path} is the ledger of another mailbox`);
  return { end: to + 1, keyName };
}

function damage(path: string, line: number): Pop3Error {
  return new Pop3Error("POP3_LEDGER", `the ledger ${path} is damaged in line ${String(line)}`);
}

function newer(path: string, format: number): Pop3Error {
  return new Pop3Error(
    "POP3_LEDGER",
    `the ledger ${path} has format ${String(format)}, and this version of popwright reads formats 1 to ${String(FORMAT)}: ` +
      "a newer version wrote it. Update popwright. Nothing was fetched or changed",
  );
}

function unknownLine(path: string, line: number): Pop3Error {
  return new Pop3Error(
    "POP3_LEDGER",
    `the ledger ${path} has a line that this version of popwright does not know, line ${String(line)}: ` +
      "a newer version or another program wrote it. Update popwright. Nothing was fetched or changed",
  );
}
