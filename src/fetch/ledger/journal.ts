// Appends to a journal. Records that arrive during a write share the next write. Whatever fails, every acknowledged
// record stays readable.
import type { BigIntStats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { cutAppended, isSystemError, replaceFile } from "../files/fsync.ts";
import type { Lock } from "../files/lock.ts";
import { openOwn, openOwnStated, openStated, type OpenFile, type OurFile } from "../files/own-file.ts";
import { printable } from "../../protocol/printable.ts";
import { explanation } from "./explained.ts";
import { decodeJournal, encodeJournal, type JournalContents } from "./journal-contents.ts";
import { readHeader, type JournalHeader } from "./journal-header.ts";
import { encodeLine } from "./journal-line.ts";
import { markFrom, type JournalMark } from "./journal-mark.ts";
import type { MailboxState } from "./ledger.ts";
import { constants } from "../files/patient-fs.ts";
import { readPart } from "../files/read-part.ts";
import { readWhole } from "../files/read-whole.ts";

/** What the code that writes a journal has to know of its contents. */
interface Counted {
  readonly entries: { readonly size: number };
  /** The number of lines. */
  readonly lines: number;
  /** Where the last complete record ends; octets. 0: there is no journal. */
  readonly length: number;
}

/** What a journal is about, and how that is written. */
export interface JournalForm<C extends Counted> {
  /** Throws if the octets are damaged, or were written by another program. `path`: for error messages. */
  decode(path: string, octets: Buffer): C;
  /** Returns a journal with just these contents. Its lines: the header, one for each entry, and one more. */
  encode(contents: C): string;
  /** Makes the error for a journal that cannot be written. `what`: the beginning of its message. */
  failed(what: string, cause: unknown): Error;
  /** What the journal is called in error messages. */
  readonly name: string;
}

/** Returns the form of the journal of a mailbox. `state`: what to write in place of an older state in the contents. */
export function ledgerForm(mailbox: string, state?: MailboxState): JournalForm<JournalContents> {
  return {
    decode: (path, octets) => decodeJournal(path, mailbox, octets),
    encode: (contents) => encodeJournal(mailbox, { ...contents, state: state ?? contents.state }),
    failed: explanation,
    name: "ledger",
  };
}

/** What was read of a journal. */
export interface JournalRead<C> {
  readonly contents: C;
  /** `undefined`: there is no journal. */
  readonly mark: JournalMark | undefined;
  /** What the system says about the file. `undefined`: there is no file. */
  readonly stats: BigIntStats | undefined;
}

export interface ReadOptions {
  /** If it is given, the file must be one that only this user can have written, see {@link openOwn}. */
  readonly ours?: OurFile | undefined;
  /** The octets after it are ignored. @default Infinity */
  readonly length?: number;
}

/** Reads a journal. The contents are empty if there is no file. */
export async function readJournal<C extends Counted>(
  path: string,
  form: JournalForm<C>,
  { ours, length = Infinity }: ReadOptions = {},
): Promise<JournalRead<C>> {
  const flags = constants.O_RDONLY;
  let opened: OpenFile;
  try {
    opened = await (ours === undefined ? openStated(path, flags) : openOwnStated(path, flags, ours));
  } catch (error) {
    if (!isSystemError(error, "ENOENT")) throw error;
    const contents = form.decode(path, Buffer.alloc(0));
    return { contents, mark: undefined, stats: undefined };
  }
  // From before the contents: if the file changes in between, the mark is that of an older file, and matches nothing.
  const { file, stats } = opened;
  try {
    const octets = await readWhole(file, Number(stats.size));
    const contents = form.decode(path, octets.subarray(0, Math.min(octets.length, length)));
    const { lines, length: size, entries } = contents;
    const mark = size === 0 ? undefined : markFrom(stats, { size, lines, entries: entries.size });
    return { contents, mark, stats };
  } finally {
    await file.close();
  }
}

/** The greatest length of a header; octets. A header has one or two names of mailboxes. */
const LONGEST_HEADER = 64 * 1024;

/**
 * Reads the header of a journal. Resolves with `undefined` if the file does not exist or is empty. Rejects if
 * it is not a journal.
 */
export async function readJournalHeader(path: string): Promise<JournalHeader | undefined> {
  let opened: OpenFile;
  try {
    opened = await openStated(path, constants.O_RDONLY);
  } catch (error) {
    if (!isSystemError(error, "ENOENT")) throw error;
    return undefined;
  }
  const { file, stats } = opened;
  try {
    const octets = await readPart(file, 0, Math.min(LONGEST_HEADER, Number(stats.size)));
    return readHeader(path, { octets, latin1: octets.toString("latin1") });
  } finally {
    await file.close();
  }
}

/** The lines of a new journal that are not entries: see {@link JournalForm.encode}. */
const OTHER_LINES = 2;

/** Tells whether the journal has too many outdated lines and should be rewritten. */
function isWordy({ lines, entries }: JournalMark): boolean {
  return lines > 2 * entries + 1000;
}

/** A journal that this process has locked. Nothing is written before the first record. */
export class Journal<C extends Counted> {
  readonly path: string;
  readonly #form: JournalForm<C>;
  readonly #lock: Lock;
  /** The journal as it was last read or written; durable up to its size. `undefined`: there is none yet. */
  #mark: JournalMark | undefined;
  #file: FileHandle | undefined;
  /** The lines of the next write. */
  #lines: string[] = [];
  #coming: Promise<void> | undefined;
  /** The write that was requested last. */
  #last: Promise<void> = Promise.resolve();
  #failure: Error | undefined;
  /** Whether a write has begun. */
  #hasBegun = false;

  /** `mark`: of the journal now, if there is one. */
  constructor(path: string, form: JournalForm<C>, mark: JournalMark | undefined, lock: Lock) {
    this.path = path;
    this.#form = form;
    this.#mark = mark;
    this.#lock = lock;
    // Without a journal there is nothing that a later holder must not continue.
    if (mark === undefined) lock.leavesFile = false;
  }

  /** Whether there is a journal with at least a header. */
  get exists(): boolean {
    return this.#mark !== undefined;
  }

  /** The reason why nothing can be recorded any more. */
  get failure(): Error | undefined {
    return this.#failure ?? this.#lock.failure;
  }

  /** Reads the journal, including what was appended before this call. */
  async read(): Promise<C> {
    await this.#last.catch(() => undefined);
    const { contents, mark } = await this.#read();
    // From the first write on, the writer knows best.
    if (!this.#hasBegun) this.#mark = mark;
    return contents;
  }

  /**
   * Appends the lines of one record. Resolves when they are durable. Rejects with the error of its
   * form if they cannot be written.
   */
  append(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return Promise.resolve();
    for (const line of lines) this.#lines.push(line);
    if (this.#coming === undefined) this.#last = this.#coming = this.#writeAfter(this.#last);
    return this.#coming;
  }

  /** Waits until all appended lines are written. Rejects if they could not be. */
  async settled(): Promise<void> {
    await this.#last;
  }

  /** Returns the mark of the journal as this process has read or written it. Rejects with system errors. */
  async mark(): Promise<JournalMark | undefined> {
    if (this.#file === undefined || this.#mark === undefined) return this.#mark;
    return markFrom(await this.#file.stat({ bigint: true }), this.#mark);
  }

  /** Waits until the appended lines are written, and closes the file. Never rejects. */
  async close(): Promise<void> {
    await this.#last.catch(() => {});
    await this.#file?.close().catch(() => {});
  }

  /** Waits for the write before, then writes all lines that have arrived until then in one write. */
  async #writeAfter(before: Promise<void>): Promise<void> {
    await before;
    this.#hasBegun = true;
    const lines = this.#lines;
    const text = lines.map((line, at) => encodeLine(line, at === 0)).join("");
    this.#lines = [];
    this.#coming = undefined;
    try {
      const file = (this.#file ??= await this.#open());
      await this.#lock.confirm();
      await file.appendFile(text, "latin1");
      await file.datasync();
      // A process that took over the mailbox before this moment may have read the journal before our write.
      await this.#lock.confirm();
      const mark = this.#mark as JournalMark; // set by #open
      this.#mark = { ...mark, size: mark.size + text.length, lines: mark.lines + lines.length };
    } catch (error) {
      const { name } = this.#form;
      this.#failure = this.#form.failed(`cannot write the ${name} ${printable(this.path)}`, error);
      await this.#cutBack();
      throw this.#failure;
    }
  }

  /** Prepares the file for the first record. */
  async #open(): Promise<FileHandle> {
    // After a take-over, write a new file. The former holder may still append to the old one, but no process
    // reads that.
    if (this.#mark === undefined || this.#lock.takenOver || isWordy(this.#mark)) await this.#rewrite();
    const file = await openOwn(this.path, constants.O_WRONLY | constants.O_APPEND, this.#lock.ours);
    try {
      // After the file was opened: if another process takes the mailbox over from here on, it puts a new file in
      // place, and this one is the old one.
      await this.#lock.confirm();
      const { size } = this.#mark as JournalMark; // set by #rewrite if there was none
      const found = (await file.stat()).size;
      if (found < size) throw this.#shortened();
      if (found > size) await this.#cut(file, size);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async #rewrite(): Promise<void> {
    const { contents } = await this.#read();
    const text = this.#form.encode(contents);
    await replaceFile(this.path, text, {
      confirm: async () => {
        await this.#lock.confirm();
        // If the new name cannot be made durable, a loss of power brings the old file back, without the records that
        // were appended to the new one. So the next holder must not append to it.
        this.#lock.leavesFile = true;
      },
    });
    this.#lock.leavesFile = false;
    const { size: entries } = contents.entries;
    const counts = { size: text.length, lines: entries + OTHER_LINES, entries };
    // The rest of the mark comes from the open file.
    this.#mark = { ...counts, modified: 0n, inode: 0n };
  }

  #read(): Promise<JournalRead<C>> {
    // What the former holder appends after the take-over does not count.
    const length = this.#lock.takenOver ? (this.#mark?.size ?? 0) : Infinity;
    return readJournal(this.path, this.#form, { ours: this.#lock.ours, length });
  }

  #shortened(): Error {
    const { name } = this.#form;
    const cause = new Error("another program has changed it while this process held its lock");
    return this.#form.failed(`cannot use the ${name} ${printable(this.path)}`, cause);
  }

  /** Removes the failed record, so that no later run finds it. If that fails, the next holder replaces the journal. */
  async #cutBack(): Promise<void> {
    const [file, mark] = [this.#file, this.#mark];
    if (file === undefined || mark === undefined) return;
    this.#lock.leavesFile = true;
    try {
      // Another process may own the file by now.
      await this.#lock.confirm();
      await this.#cut(file, mark.size);
    } catch {
      // The caller reports the first failure, which says enough.
    }
  }

  /** Cuts off what follows the last record. If that fails, the end that can be read may not be that on the disk. */
  async #cut(file: FileHandle, length: number): Promise<void> {
    this.#lock.leavesFile = true;
    await cutAppended(file, this.path, length);
    await file.sync();
    this.#lock.leavesFile = false;
  }
}
