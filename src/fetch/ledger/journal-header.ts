// Reads and writes the first line of a journal: it names the mailbox and the format of the other lines.
import { decodeLine, encode, encodeLine, type JournalText } from "./journal-line.ts";
import { printable } from "../../protocol/printable.ts";
import { LedgerError } from "./ledger-error.ts";

/**
 * The newest format that this version reads. A journal names the oldest format that is enough to understand
 * all of it. So an older version continues the journal if that is safe, and refuses it if it is not:
 *
 * 1. The format of the first release. Later versions may add fields to entries and to the state. A reader
 *    ignores fields that it does not know.
 * 2. The header has `keyName`. A reader that ignored this field would give messages other keys.
 *
 * A new kind of line, a new status, or a field that a reader must understand needs a new format.
 */
const FORMAT = 2;
const LF = 0x0a;

export interface JournalHeader {
  readonly mailbox: string;
  /** See {@link LedgerSnapshot.keyName}. */
  readonly keyName: string | undefined;
  /** Where the header ends; octets. */
  readonly end: number;
}

export function encodeHeader({ mailbox, keyName }: Omit<JournalHeader, "end">): string {
  const version = keyName === undefined ? 1 : FORMAT;
  return encodeLine(encode({ popwright: "ledger", version, mailbox, keyName }), true);
}

/**
 * Returns the header of a journal, or `undefined` if the header was not completely written. Throws
 * `POP3_LEDGER` if the journal is damaged, was written by a newer version, or belongs to another mailbox than
 * `mailbox`. `path` is for error messages.
 */
export function readHeader(path: string, text: JournalText, mailbox?: string): JournalHeader | undefined {
  const to = text.octets.indexOf(LF);
  const line = decodeLine(text, 0, to);
  if (line === undefined) {
    const written = text.latin1.replace(/\0+$/, "");
    const begun =
      mailbox === undefined
        ? written === ""
        : encodeHeader({ mailbox, keyName: undefined }).startsWith(written);
    if (begun) return undefined;
    throw damage(path, 1);
  }
  const { version, mailbox: name, keyName } = valueOf(line.text);
  if (typeof version !== "number" || !(version >= 1) || !Number.isInteger(version)) throw damage(path, 1);
  if (version > FORMAT) throw newer(path, version);
  if (typeof name !== "string" || (keyName !== undefined && typeof keyName !== "string"))
    throw damage(path, 1);
  if (mailbox !== undefined && name !== mailbox)
    throw new LedgerError(`${printable(path)} is the ledger of another mailbox`);
  return { mailbox: name, keyName, end: to + 1 };
}

/** Returns what a header says: nothing if it is not JSON. The checksum is right, so it was written like this. */
function valueOf(json: string): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(json) ?? {}) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}

export function damage(path: string, line: number): LedgerError {
  return new LedgerError(`the ledger ${printable(path)} is damaged in line ${String(line)}`);
}

function newer(path: string, format: number): LedgerError {
  return new LedgerError(
    `the ledger ${printable(path)} has format ${String(format)}, ` +
      `and this version of popwright reads formats 1 to ${String(FORMAT)}: ` +
      "a newer version wrote it. Update popwright. Nothing was fetched or changed",
  );
}
