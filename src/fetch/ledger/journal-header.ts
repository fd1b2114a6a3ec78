// The first line of a journal: whose it is, and in which format the rest is written.
import { Pop3Error } from "../../errors.ts";
import { decodeLine, encode, encodeLine, type JournalText } from "./journal-line.ts";

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

export interface JournalHeader {
  readonly mailbox: string;
  /** See {@link LedgerSnapshot.keyName}. */
  readonly keyName: string | undefined;
  /** Where it ends; octets. */
  readonly end: number;
}

export function encodeHeader({ mailbox, keyName }: Omit<JournalHeader, "end">): string {
  const version = keyName === undefined ? 1 : FORMAT;
  return encodeLine(encode({ popwright: "ledger", version, mailbox, keyName }), true);
}

/**
 * The header of a journal; `undefined`: no more than a part of it was ever written. Throws `POP3_LEDGER` if the journal
 * is damaged, was written by a newer version, or is not that of `mailbox`. `path`: for messages.
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
  const { version, mailbox: name, keyName } = valueOf(path, line.text);
  if (typeof version !== "number" || !(version >= 1) || !Number.isInteger(version)) throw damage(path, 1);
  if (version > FORMAT) throw newer(path, version);
  if (typeof name !== "string" || (keyName !== undefined && typeof keyName !== "string"))
    throw damage(path, 1);
  if (mailbox !== undefined && name !== mailbox)
    throw new Pop3Error("POP3_LEDGER", `${path} is the ledger of another mailbox`);
  return { mailbox: name, keyName, end: to + 1 };
}

function valueOf(path: string, json: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    // Its checksum is right, so it was written like that.
    throw damage(path, 1);
  }
  return (value ?? {}) as Readonly<Record<string, unknown>>;
}

export function damage(path: string, line: number): Pop3Error {
  return new Pop3Error("POP3_LEDGER", `the ledger ${path} is damaged in line ${String(line)}`);
}

function newer(path: string, format: number): Pop3Error {
  return new Pop3Error(
    "POP3_LEDGER",
    `the ledger ${path} has format ${String(format)}, and this version of popwright reads formats 1 to ${String(FORMAT)}: ` +
      "a newer version wrote it. Update popwright. Nothing was fetched or changed",
  );
}
