// What a journal says: its whole records, in order. What was torn at its end was never acknowledged, and is nothing;
// damage before that is never passed over.
import { Pop3Error } from "../../errors.ts";
import { applyChanges } from "./changes.ts";
import { changesOf, decodeLine, encode, encodeLine, type JournalText } from "./journal-line.ts";
import type { LedgerEntry, MailboxState } from "./ledger.ts";

const VERSION = 1;
const LF = 0x0a;

export interface JournalContents {
  readonly entries: Map<string, LedgerEntry>;
  readonly state: MailboxState;
  /** How many lines there are. */
  readonly lines: number;
  /** Where the last whole record ends; octets. What is behind it has to go before anything is appended. 0: no journal. */
  readonly length: number;
}

/** A journal that says no more than this. */
export function encodeJournal(
  mailbox: string,
  entries: ReadonlyMap<string, LedgerEntry>,
  state: MailboxState,
): string {
  const lines = [header(mailbox), encodeLine(encode({ state }), true)];
  // Each begins a write: they are durable before the journal has its name, so none of them can be torn.
  for (const entry of entries.values()) lines.push(encodeLine(encode(entry), true));
  return lines.join("");
}

/** Throws `POP3_LEDGER` where `octets` are no journal of this mailbox, or a damaged one. `path`: for messages. */
export function decodeJournal(path: string, mailbox: string, octets: Buffer): JournalContents {
  const text: JournalText = { octets, latin1: octets.toString("latin1") };
  let length = checkHeader(path, mailbox, text);
  if (length === 0) return { entries: new Map(), state: {}, lines: 0, length };
  const lines: string[] = [];
  /** Of these: the lines of whole records. */
  let whole = 0;
  let damaged: number | undefined;
  for (let from = length, number = 2; ; number++) {
    const to = text.latin1.indexOf("\n", from);
    if (to === -1) return { ...apply(path, lines.slice(0, whole)), lines: whole + 1, length };
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
    for (const value of parse(path, lines.slice(at, at + TOGETHER), at + 2))
      state = applyChanges(entries, state, changesOf(value));
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

function header(mailbox: string): string {
  return encodeLine(encode({ popwright: "ledger", version: VERSION, mailbox }), true);
}

/** Where the header ends; 0 where no more than a part of it was ever written. */
function checkHeader(path: string, mailbox: string, text: JournalText): number {
  const expected = header(mailbox);
  const to = text.octets.indexOf(LF);
  const line = decodeLine(text, 0, to);
  if (line === undefined) {
    if (expected.startsWith(text.latin1.replace(/\0+$/, ""))) return 0;
    throw damage(path, 1);
  }
  const { version, mailbox: name } = parse(path, [line.text], 1)[0] as {
    readonly version?: unknown;
    readonly mailbox?: unknown;
  };
  if (version !== VERSION)
    throw new Pop3Error("POP3_LEDGER", `${path} was written by another version of popwright`);
  if (name !== mailbox) throw new Pop3Error("POP3_LEDGER", `${path} is the ledger of another mailbox`);
  return to + 1;
}

function damage(path: string, line: number): Pop3Error {
  return new Pop3Error("POP3_LEDGER", `the ledger ${path} is damaged in line ${String(line)}`);
}
