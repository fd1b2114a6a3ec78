// Appends to the journal of one mailbox. Records that arrive during a write share the next write. Whatever
// fails, every acknowledged record stays readable.
import { foreignError } from "../../protocol/foreign-error.ts";
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { Pop3Error } from "../../errors.ts";
import { cutAppended, isSystemError, replaceFile } from "../files/fsync.ts";
import { openOwn, openRegular, type OurFile } from "../files/own-file.ts";
import { decodeJournal, encodeJournal, type JournalContents } from "./journal-contents.ts";
import { readHeader, type JournalHeader } from "./journal-header.ts";
import { encodeLine } from "./journal-line.ts";
import type { Lock } from "../files/lock.ts";
import { printable } from "../../protocol/printable.ts";

/**
 * Reads a journal. The contents are empty if there is no file. With `ours`, the file must be one that only
 * this user can have written, see {@link openOwn}.
 */
export async function readJournal(path: string, mailbox: string, ours?: OurFile): Promise<JournalContents> {
  let octets = Buffer.alloc(0);
  try {
    const flags = constants.O_RDONLY;
    const file = await (ours === undefined ? openRegular(path, flags) : openOwn(path, flags, ours));
    try {
      octets = await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!isSystemError(error, "ENOENT")) throw error;
  }
  return decodeJournal(path, mailbox, octets);
}

/** The greatest length of a header; octets. A header has one or two names of mailboxes. */
const LONGEST_HEADER = 64 * 1024;

/**
 * Reads the header of a journal. Resolves with `undefined` if the file does not exist or is empty. Rejects if
 * it is not a journal.
 */
export async function readJournalHeader(path: string): Promise<JournalHeader | undefined> {
  let file: FileHandle;
  try {
    file = await openRegular(path, constants.O_RDONLY);
  } catch (error) {
    if (!isSystemError(error, "ENOENT")) throw error;
    return undefined;
  }
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(LONGEST_HEADER), position: 0 });
    const octets = buffer.subarray(0, bytesRead);
    return readHeader(path, { octets, latin1: octets.toString("latin1") });
  } finally {
    await file.close();
  }
}

/** Tells whether the journal has too many outdated lines and should be rewritten. */
function isWordy({ lines, entries }: JournalContents): boolean {
  return lines > 2 * entries.size + 1000;
}

export class Journal {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #lock: Lock;
  /** The journal is durable up to here; octets. */
  #length: number;
  /** The lines of the next write. */
  #lines: string[] = [];
  #coming: Promise<void> | undefined;
  /** The write that was requested last. */
  #last: Promise<void> = Promise.resolve();
  #failure: Pop3Error | undefined;

  private constructor(path: string, file: FileHandle, lock: Lock, length: number) {
    this.path = path;
    this.#file = file;
    this.#lock = lock;
    this.#length = length;
  }

  /** Prepares the file so that records can be appended to its `contents`. */
  static async open(path: string, mailbox: string, contents: JournalContents, lock: Lock): Promise<Journal> {
    let { length } = contents;
    // After a take-over, write a new file. The former holder may still append to the old one, but no process
    // reads that.
    if (length === 0 || lock.takenOver || isWordy(contents)) {
      const text = encodeJournal(mailbox, contents);
      await replaceFile(path, text, { confirm: () => lock.confirm() });
      ({ length } = text);
    }
    const file = await openOwn(path, constants.O_WRONLY | constants.O_APPEND, lock.ours);
    try {
      if ((await file.stat()).size > length) await cut(file, path, length);
    } catch (error) {
      await file.close();
      throw error;
    }
    return new Journal(path, file, lock, length);
  }

  /** The reason why nothing can be recorded any more. */
  get failure(): Pop3Error | undefined {
    return this.#failure ?? this.#lock.failure;
  }

  /**
   * Appends the lines of one record. Resolves when they are durable. Rejects with `POP3_LEDGER` if they
   * cannot be written.
   */
  append(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return Promise.resolve();
    for (const line of lines) this.#lines.push(line);
    if (this.#coming === undefined) this.#last = this.#coming = this.#writeAfter(this.#last);
    return this.#coming;
  }

  /** Waits until the appended lines are written, and closes the file. Never rejects. */
  async close(): Promise<void> {
    await this.#last.catch(() => {});
    await this.#file.close().catch(() => {});
  }

  /** Waits for the write before, then writes all lines that have arrived until then in one write. */
  async #writeAfter(before: Promise<void>): Promise<void> {
    await before;
    const text = this.#lines.map((line, at) => encodeLine(line, at === 0)).join("");
    this.#lines = [];
    this.#coming = undefined;
    try {
      await this.#file.appendFile(text, "latin1");
      await this.#file.datasync();
      // A process that took over the mailbox before this moment may have read the journal before our write.
      await this.#lock.confirm();
      this.#length += text.length;
    } catch (error) {
      this.#failure = Pop3Error.is(error) ? error : cannotWrite(this.path, error);
      await this.#cutBack();
      throw this.#failure;
    }
  }

  /** Removes the failed record, so that no later run finds it. If that fails, the torn end does no harm. */
  async #cutBack(): Promise<void> {
    try {
      // Another process may own the file by now.
      await this.#lock.confirm();
      await cut(this.#file, this.path, this.#length);
    } catch {
      // The caller reports the first failure, which says enough.
    }
  }
}

async function cut(file: FileHandle, path: string, length: number): Promise<void> {
  await cutAppended(file, path, length);
  await file.sync();
}

function cannotWrite(path: string, cause: unknown): Pop3Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Pop3Error("POP3_LEDGER", `cannot write the ledger ${printable(path)}: ${printable(reason)}`, {
    cause: foreignError(cause),
  });
}
