// Appends a message to an mbox completely or not at all, even after a crash. A process that has slept past
// the end of its lock can do no harm. Before it appends, a process writes a note about the message. The note
// stays as long as that process may write. The next holder of the lock removes the unfinished message. It
// works on a new file if the process of the note may still be alive.
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { OurFile } from "../files/own-file.ts";
import { DestinationError } from "./destination-error.ts";
import { fromLines, KEY_AT, MARK, NO_KEY } from "./from-line.ts";
import { Note, type Append, type Noted } from "./mbox-note.ts";
import { openForAppending, openMbox } from "./mbox-open.ts";
import { printable } from "../../protocol/printable.ts";
import { constants } from "../files/patient-fs.ts";
import { readPart } from "../files/read-part.ts";

/** The lock of an mbox, while this process holds it. */
export interface MboxLock {
  /** The owner and the permissions of our files there. */
  readonly ours: OurFile;
  /** Rejects if another process has taken over the lock. */
  confirm(): Promise<void>;
}

/** The identity and the size of a file. */
export interface Seen {
  readonly inode: number;
  readonly size: number;
}

/**
 * Which appended messages to remove. A complete message counts as delivered, unless its own delivery has
 * reported an error.
 */
type Unwanted = "unless whole" | "even if whole";

const [LF, NUL] = [0x0a, 0];

/**
 * Appends the `From ` line and the message, completely or not at all. Resolves when they will survive a
 * crash, with the new state of the file.
 *
 * The file is open, and the note exists, before the lock is confirmed for the first time. So a process that
 * takes over the lock later finds the note.
 */
export async function append(
  path: string,
  lock: MboxLock,
  what: Append,
  pieces: AsyncIterable<Buffer>,
): Promise<Seen> {
  const { file } = await openForAppending(path, lock.ours);
  try {
    const { size } = await file.stat();
    const gap = await gapAfter(file, size);
    const note = await Note.create(path);
    try {
      const noted: Noted = { ...what, at: size + gap.length, gap: gap.length };
      await lock.confirm();
      await note.write(noted);
      try {
        await writeAll(path, file, lock, size, withFirst(Buffer.from(gap + what.line), pieces));
        const { ino, size: newSize } = await file.stat();
        // If a crash undoes this, the digest shows that the message is complete.
        await note.clear();
        return { inode: ino, size: newSize };
      } catch (error) {
        await undo(path, lock, note, noted);
        throw error;
      }
    } finally {
      await note.close();
    }
  } finally {
    await file.close();
  }
}

async function* withFirst(first: Buffer, pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  yield first;
  yield* pieces;
}

async function writeAll(
  path: string,
  file: FileHandle,
  lock: MboxLock,
  from: number,
  pieces: AsyncIterable<Buffer>,
): Promise<void> {
  let end = from;
  for await (const piece of pieces) {
    await lock.confirm();
    if ((await file.stat()).size !== end)
      throw new DestinationError(
        `another program has written to ${printable(path)} without its lock, ${printable(path)}.lock`,
        {
          later: true,
        },
      );
    await file.appendFile(piece);
    end += piece.length;
  }
  await file.datasync();
  // A process that took over the lock before this moment may have copied the file before the message was
  // complete.
  await lock.confirm();
}

/** Removes what was appended. If that fails, the note stays and tells the next holder of the lock. */
async function undo(path: string, lock: MboxLock, note: Note, noted: Noted): Promise<void> {
  try {
    await takeBackInPlace(path, lock, [noted], "even if whole");
    await note.clear();
  } catch {
    // The first error is more useful.
  }
}

/** Removes unfinished messages from the file itself. The notes must exist, either our own or adopted ones. */
export async function takeBackInPlace(
  path: string,
  lock: MboxLock,
  notes: readonly Noted[],
  which: Unwanted = "unless whole",
): Promise<void> {
  const file = await openMbox(path, constants.O_RDWR, lock.ours);
  // A mail reader may remove an mbox that has become empty.
  if (file === undefined) return;
  try {
    await lock.confirm();
    for (const noted of notes) await takeBack(file, noted, which);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Removes what is there of an unfinished message. Text that another program has written in its place stays.
 * If another program has appended after it, the message stays, with a key that no message has.
 */
export async function takeBack(
  file: FileHandle,
  { at, gap, line, octets, digest }: Noted,
  which: Unwanted = "unless whole",
): Promise<void> {
  const start = at - gap;
  const expected = Buffer.from("\n".repeat(gap) + line);
  const { size } = await file.stat();
  const head = await readPart(file, start, Math.min(expected.length, Math.max(0, size - start)));
  const isZeroed = head.includes(NUL);
  // After a power loss some file systems keep the length of a file, with zeros in place of the content.
  const foreign = head.findIndex((octet, nth) => octet !== NUL && octet !== expected[nth]);
  const isBegun = isZeroed || head.length > gap;
  if (!isBegun || !(await isOurs(file, start, head, gap, foreign))) return;
  const isAlone = foreign === -1 && size - at <= octets;
  const mayBeWhole = which === "unless whole" && !isZeroed && size - at >= octets;
  if (mayBeWhole && (await digestOf(file, at, octets)) === digest) {
    await rewrite(file, start, at + octets);
    return;
  }
  const next = await findFrom(file, at + 1);
  if (next === undefined && isAlone) await file.truncate(start);
  else if (next === undefined && !isZeroed) await file.write(NO_KEY, at + KEY_AT, "latin1");
  else await disown(file, at, gap, line, { end: next ?? size, isZeroed });
}

/**
 * Writes what is there once more, so that the next sync writes it to the disk. If a sync has failed, the system may show
 * a message that is not on the disk, and a later sync does not write it.
 */
async function rewrite(file: FileHandle, from: number, end: number): Promise<void> {
  for (let at = from; at < end;) {
    const block = await readPart(file, at, Math.min(BLOCK, end - at));
    if (block.length === 0) return;
    await file.write(block, 0, block.length, at);
    at += block.length;
  }
}

/**
 * Tells whether the head is ours: another program may have appended to it, but not replaced it. `foreign` is
 * the position of the first octet that is not ours; -1 if there is none.
 */
async function isOurs(
  file: FileHandle,
  start: number,
  head: Buffer,
  gap: number,
  foreign: number,
): Promise<boolean> {
  // With this much of its line the message would be recognised.
  if (foreign === -1 || foreign >= gap + MARK) return true;
  return head[foreign - 1] === NUL && (await readPart(file, start + foreign, FROM.length)).equals(FROM);
}

/** Turns the rest of the message into one without a key, because mail of another program follows it. */
async function disown(
  file: FileHandle,
  at: number,
  gap: number,
  line: string,
  { end, isZeroed }: { readonly end: number; readonly isZeroed: boolean },
): Promise<void> {
  const ownLine = line.slice(0, KEY_AT) + NO_KEY + line.slice(KEY_AT + NO_KEY.length);
  // There is no space for the line. Blank lines do no harm.
  const text = end - at >= line.length ? "\n".repeat(gap) + ownLine : "\n".repeat(gap + end - at);
  await file.write(Buffer.from(text), 0, text.length, at - gap);
  const isCutOff = isZeroed || (await readPart(file, end - 1, 1))[0] === NUL;
  if (isCutOff && end - at > line.length) await file.write(Buffer.from([LF]), 0, 1, end - 1);
}

/**
 * Finds where the next `From ` line begins, after a line end or after zeros. Our own lines cannot look like
 * this.
 */
async function findFrom(file: FileHandle, from: number): Promise<number | undefined> {
  const line = await fromLines(file, from).next();
  const limit = line.done === true ? Infinity : line.value.at;
  const afterZeros = await findAfterZeros(file, from, limit);
  return afterZeros ?? (line.done === true ? undefined : line.value.at);
}

const FROM = Buffer.from("From ");
const AFTER_ZERO = Buffer.from("\0From ");
const BLOCK = 256 * 1024;

async function findAfterZeros(file: FileHandle, from: number, limit: number): Promise<number | undefined> {
  // Blocks overlap, so that a match across two blocks is found.
  for (let at = from - 1; at < limit; at += BLOCK - AFTER_ZERO.length + 1) {
    const block = await readPart(file, at, BLOCK);
    const found = block.indexOf(AFTER_ZERO);
    if (found !== -1) return at + found + 1;
    if (block.length < BLOCK) return undefined;
  }
  return undefined;
}

async function digestOf(file: FileHandle, at: number, octets: number): Promise<string> {
  const hash = createHash("sha256");
  for (const end = at + octets; at < end;) {
    const block = await readPart(file, at, Math.min(BLOCK, end - at));
    if (block.length === 0) break;
    hash.update(block);
    at += block.length;
  }
  return hash.digest("hex");
}

/**
 * Returns the line ends that are missing for a blank line at the end. Other programs may have left them out.
 */
async function gapAfter(file: FileHandle, size: number): Promise<string> {
  if (size === 0) return "";
  const end = (await readPart(file, Math.max(0, size - 2), 2)).toString("latin1");
  if (end.endsWith("\n\n")) return "";
  return end.endsWith("\n") ? "\n" : "\n\n";
}
