// Reads and writes the contents of a journal: its complete records, in order. A torn record at the end was
// never acknowledged, so it is ignored. Damage before the end is always an error.
import { applyChanges } from "./changes.ts";
import { damage, encodeHeader, readHeader } from "./journal-header.ts";
import { changesOf, encode, encodeLine, type JournalText } from "./journal-line.ts";
import { recordsIn } from "./journal-records.ts";
import type { LedgerEntry, LedgerSnapshot, MailboxState } from "./ledger.ts";
import { printable } from "../../protocol/printable.ts";
import { LedgerError } from "./ledger-error.ts";

export interface JournalContents extends LedgerSnapshot {
  readonly entries: Map<string, LedgerEntry>;
  readonly keyName: string | undefined;
  /**
   * Whether the state says that a run is under way. Earlier versions recorded that, and removed it at the end of
   * the run.
   */
  readonly wasRunning: boolean;
  /** The number of lines in the journal. */
  readonly lines: number;
  /**
   * Where the last complete record ends; octets. The octets after it must be cut off before anything is
   * appended. 0: there is no journal.
   */
  readonly length: number;
}

/** Returns a journal with just these contents. */
export function encodeJournal(mailbox: string, { entries, state, keyName }: LedgerSnapshot): string {
  // Each line is marked as the start of a write. The whole file is durable before it gets its name, so no
  // line can be torn.
  const lines = [encodeHeader({ mailbox, keyName })];
  for (const entry of entries.values()) lines.push(encodeLine(encode(entry), true));
  // Last, because an entry after it would outdate its `listing`, see `withoutListing`.
  lines.push(encodeLine(encode({ state }), true));
  return lines.join("");
}

/**
 * Throws `POP3_LEDGER` if `octets` are not a journal of this mailbox, are damaged, or were written by a newer
 * version. `path` is for error messages.
 */
export function decodeJournal(path: string, mailbox: string, octets: Buffer): JournalContents {
  const text: JournalText = { octets, latin1: octets.toString("latin1") };
  const header = readHeader(path, text, mailbox);
  if (header === undefined) return noContents();
  const { keyName } = header;
  const { lines, length } = recordsIn(text, header.end, (line) => damage(path, line));
  const { entries, state: written } = apply(path, lines);
  const { running, ...state } = written as MailboxState & { readonly running?: unknown };
  return { entries, state, keyName, wasRunning: running === true, lines: lines.length + 1, length };
}

function noContents(): JournalContents {
  return { entries: new Map(), state: {}, keyName: undefined, wasRunning: false, lines: 0, length: 0 };
}

/** Applies the lines after the header, in order. */
function apply(path: string, lines: readonly string[]): Pick<JournalContents, "entries" | "state"> {
  const entries = new Map<string, LedgerEntry>();
  let state: MailboxState = {};
  for (let at = 0; at < lines.length; at += TOGETHER) {
    for (const [index, value] of parse(path, lines.slice(at, at + TOGETHER), at + 2).entries()) {
      const changes = changesOf(value);
      if (changes === undefined) throw unknownLine(path, at + 2 + index);
      state = applyChanges(entries, withoutListing(state), changes);
    }
  }
  return { entries, state };
}

/**
 * Returns what counts of a state in front of an entry. It said that nothing was left to do with the entries before it.
 * A state file that was lost may have said more.
 */
function withoutListing(state: MailboxState): MailboxState {
  if (state.listing === undefined && state.due === undefined) return state;
  const { listing: _, due: __, ...rest } = state;
  return rest;
}

/** How many lines are parsed together. This takes a fifth less time than parsing them one by one. */
const TOGETHER = 500;

/** Parses lines. `number` is the number of the first one, for error messages. */
function parse(path: string, lines: readonly string[], number: number): readonly unknown[] {
  try {
    const values = JSON.parse(`[${lines.join(",")}]`) as readonly unknown[];
    if (values.length === lines.length) return values;
  } catch {
    // The checksum is right, so the line was written like this.
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

function unknownLine(path: string, line: number): LedgerError {
  return new LedgerError(
    `the ledger ${printable(path)} has an unknown kind of line, line ${String(line)}: ` +
      "a newer version of popwright or another program wrote it. " +
      "Update popwright. Nothing was fetched or changed",
  );
}
