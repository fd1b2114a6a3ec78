// The journal of one mailbox, which only grows: records that come while a write is under way share the next one, and
// what was acknowledged stays readable whatever fails.
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { Pop3Error } from "../../errors.ts";
import { cutAppended, isSystemError, replaceFile } from "../files/fsync.ts";
import { openOwn, openRegular, type OurFile } from "../files/own-file.ts";
import { decodeJournal, encodeJournal, type JournalContents } from "./journal-contents.ts";
import { readHeader, type JournalHeader } from "./journal-header.ts";
import { encodeLine } from "./journal-line.ts";
import type { Lock } from "../files/lock.ts";

/**
 * Reads what is in the file; without a file that is nothing. `ours`: it must be a file that only we can have written,
 * see {@link openOwn}.
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

/** The most octets that a first line has: it names a mailbox or two. */
const LONGEST_HEADER = 64 * 1024;

/** What heads the file; `undefined`: it is not there, or nothing was written in it. Rejects if it is not a journal. */
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

/** Whether so many lines say so little that the journal is better written anew. */
function isWordy({ lines, entries }: JournalContents): boolean {
  return lines > 2 * entries.size + 1000;
}

export class Journal {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #lock: Lock;
  /** Up to here it is durable; octets. */
  #length: number;
  /** The lines of the write to come. */
  #lines: string[] = [];
  #coming: Promise<void> | undefined;
  /** The write that was asked for last. */
  #last: Promise<void> = Promise.resolve();
  #failure: Pop3Error | undefined;

  private constructor(path: string, file: FileHandle, lock: Lock, length: number) {
    this.path = path;
    this.#file = file;
    this.#lock = lock;
    this.#length = length;
  }

  /** Readies the file for records behind `contents`, which are what is in it. */
  static async open(path: string, mailbox: string, contents: JournalContents, lock: Lock): Promise<Journal> {
    let { length } = contents;
    // After a take-over it becomes another file: what the former holder still appends is read by nobody.
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

  /** Why nothing can be recorded any more. */
  get failure(): Pop3Error | undefined {
    return this.#failure ?? this.#lock.failure;
  }

  /** Appends the lines of one record. Resolves when they are durable; rejects with `POP3_LEDGER`. */
  append(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return Promise.resolve();
    for (const line of lines) this.#lines.push(line);
    if (this.#coming === undefined) this.#last = this.#coming = this.#writeBehind(this.#last);
    return this.#coming;
  }

  /** Waits for what was appended. Never rejects. */
  async close(): Promise<void> {
    await this.#last.catch(() => {});
    await this.#file.close().catch(() => {});
  }

  /** One write, when the one before it has succeeded, of all that has come until then. */
  async #writeBehind(before: Promise<void>): Promise<void> {
    await before;
    const text = this.#lines.map((line, at) => encodeLine(line, at === 0)).join("");
    this.#lines = [];
    this.#coming = undefined;
    try {
      await this.#file.appendFile(text, "latin1");
      await this.#file.datasync();
      // Whoever has taken the mailbox over before this moment may have read the journal before our write.
      await this.#lock.confirm();
      this.#length += text.length;
    } catch (error) {
      this.#failure = Pop3Error.is(error) ? error : cannotWrite(this.path, error);
      await this.#cutBack();
      throw this.#failure;
    }
  }

  /** So that no record is found that was called a failure. Where it does not succeed, a torn end does no harm. */
  async #cutBack(): Promise<void> {
    try {
      // The file may be another's by now.
      await this.#lock.confirm();
      await cut(this.#file, this.path, this.#length);
    } catch {
      // The failure that brought us here says enough.
    }
  }
}

async function cut(file: FileHandle, path: string, length: number): Promise<void> {
  await cutAppended(file, path, length);
  await file.sync();
}

function cannotWrite(path: string, cause: unknown): Pop3Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Pop3Error("POP3_LEDGER", `cannot write the ledger ${path}: ${reason}`, { cause });
}
