// What a journal says: its whole records, in order. What was torn at its end was never acknowledged, and is nothing;
// damage before that is never passed over.
import { Pop3Error } from "../../errors.ts";
import { applyChanges } from "./changes.ts";
import { damage, encodeHeader, readHeader } from "./journal-header.ts";
import { changesOf, decodeLine, encode, encodeLine, type JournalText } from "./journal-line.ts";
import type { LedgerEntry, LedgerSnapshot, MailboxState } from "./ledger.ts";

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
  const lines = [encodeHeader({ mailbox, keyName }), encodeLine(encode({ state }), true)];
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
  const header = readHeader(path, text, mailbox);
  if (header === undefined) return { entries: new Map(), state: {}, keyName: undefined, lines: 0, length: 0 };
  const { keyName } = header;
  let length = header.end;
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

function unknownLine(path: string, line: number): Pop3Error {
  return new Pop3Error(
    "POP3_LEDGER",
    `the ledger ${path} has a line that this version of popwright does not know, line ${String(line)}: ` +
      "a newer version or another program wrote it. Update popwright. Nothing was fetched or changed",
  );
}
