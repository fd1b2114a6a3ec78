// Appends to an mbox so that a crash leaves the message done or undone, and so that a process that has slept past its
// lock can do no harm. A note says before what is to come. It is there as long as its process may write: whoever holds
// the lock next takes back what was not finished, and works on a new file if the process that left the note may live.
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { constants } from "node:fs";
import type { OurFile } from "../files/own-file.ts";
import { DestinationError } from "./destination-error.ts";
import { fromLines, KEY_AT, MARK, NO_KEY } from "./from-line.ts";
import { Note, type Append, type Noted } from "./mbox-note.ts";
import { openForAppending, openMbox } from "./mbox-open.ts";

/** The lock that is held on an mbox. */
export interface MboxLock {
  /** What a file of ours looks like there. */
  readonly ours: OurFile;
  /** Rejects if another process has taken the lock over. */
  confirm(): Promise<void>;
}

/** What is known of a file. */
export interface Seen {
  readonly inode: number;
  readonly size: number;
}

/** A message that is whole is delivered, unless its delivery has failed in the end. */
type Unwanted = "unless whole" | "even if whole";

const [LF, NUL] = [0x0a, 0];

/**
 * Appends its line and what follows, all or nothing. Resolves to what the file is then, when it will outlast a crash.
 *
 * The file is open, and the note is there, before the lock is confirmed for the first time: whoever takes the lock over
 * after that finds the note.
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
    const gap = await gapBehind(file, size);
    const note = await Note.create(path);
    try {
      const noted: Noted = { ...what, at: size + gap.length, gap: gap.length };
      await lock.confirm();
      await note.write(noted);
      try {
        await writeAll(path, file, lock, size, withFirst(Buffer.from(gap + what.line), pieces));
        const { ino, size: newSize } = await file.stat();
        // If this does not outlast a crash, the digest says that the message is whole.
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
      throw new DestinationError(`another program has written to ${path} without its lock`, { later: true });
    await file.appendFile(piece);
    end += piece.length;
  }
  await file.datasync();
  // A process that took the lock over before this moment may have copied the file before it was whole.
  await lock.confirm();
}

/** Takes back what was appended. If it fails, the note stays, and says it to the next one who holds the lock. */
async function undo(path: string, lock: MboxLock, note: Note, noted: Noted): Promise<void> {
  try {
    await takeBackInPlace(path, lock, [noted], "even if whole");
    await note.clear();
  } catch {
    // What failed before says more.
  }
}

/** Takes back, in the file itself, what was not finished. Notes of ours or adopted ones have to be there. */
export async function takeBackInPlace(
  path: string,
  lock: MboxLock,
  notes: readonly Noted[],
  which: Unwanted = "unless whole",
): Promise<void> {
  const file = await openMbox(path, constants.O_RDWR, lock.ours);
  // A reader that has nothing left in an mbox may remove it.
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
 * Takes back what there is of an append. It leaves alone what another program has put there instead.
 * If another program has appended since, the message gets a key that no message has.
 */
export async function takeBack(
  file: FileHandle,
  { at, gap, line, octets, digest }: Noted,
  which: Unwanted = "unless whole",
): Promise<void> {
  const start = at - gap;
  const expected = Buffer.from("\n".repeat(gap) + line);
  const { size } = await file.stat();
  const head = await read(file, start, Math.min(expected.length, Math.max(0, size - start)));
  const isZeroed = head.includes(NUL);
  // After a power loss some file systems have the length of a file, and zeros in place of what was written.
  const foreign = head.findIndex((octet, nth) => octet !== NUL && octet !== expected[nth]);
  const isBegun = isZeroed || head.length > gap;
  if (!isBegun || !(await isOurs(file, start, head, gap, foreign))) return;
  const isAlone = foreign === -1 && size - at <= octets;
  const mayBeWhole = which === "unless whole" && !isZeroed && size - at >= octets;
  if (mayBeWhole && (await digestOf(file, at, octets)) === digest) return;
  const next = await findFrom(file, at + 1);
  if (next === undefined && isAlone) await file.truncate(start);
  else if (next === undefined && !isZeroed) await file.write(NO_KEY, at + KEY_AT, "latin1");
  else await disown(file, at, gap, line, { end: next ?? size, isZeroed });
}

/** Whether another program has at most appended to it. `foreign`: where the head is no longer ours; -1 if all of it is. */
async function isOurs(
  file: FileHandle,
  start: number,
  head: Buffer,
  gap: number,
  foreign: number,
): Promise<boolean> {
  // With so much of its line the message would be known again.
  if (foreign === -1 || foreign >= gap + MARK) return true;
  return head[foreign - 1] === NUL && (await read(file, start + foreign, FROM.length)).equals(FROM);
}

/** Makes what is left of it a message of its own that has no key: there is mail of another program after it. */
async function disown(
  file: FileHandle,
  at: number,
  gap: number,
  line: string,
  { end, isZeroed }: { readonly end: number; readonly isZeroed: boolean },
): Promise<void> {
  const ownLine = line.slice(0, KEY_AT) + NO_KEY + line.slice(KEY_AT + NO_KEY.length);
  // Too little to hold the line: blank lines do no harm.
  const text = end - at >= line.length ? "\n".repeat(gap) + ownLine : "\n".repeat(gap + end - at);
  await file.write(Buffer.from(text), 0, text.length, at - gap);
  const isCutOff = isZeroed || (await read(file, end - 1, 1))[0] === NUL;
  if (isCutOff && end - at > line.length) await file.write(Buffer.from([LF]), 0, 1, end - 1);
}

/** Where the next line of `From ` begins, after a line end or after zeros. Our own lines cannot look like this. */
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
  // Blocks overlap by what may be cut in two.
  for (let at = from - 1; at < limit; at += BLOCK - AFTER_ZERO.length + 1) {
    const block = await read(file, at, BLOCK);
    const found = block.indexOf(AFTER_ZERO);
    if (found !== -1) return at + found + 1;
    if (block.length < BLOCK) return undefined;
  }
  return undefined;
}

async function digestOf(file: FileHandle, at: number, octets: number): Promise<string> {
  const hash = createHash("sha256");
  for (const end = at + octets; at < end;) {
    const block = await read(file, at, Math.min(BLOCK, end - at));
    if (block.length === 0) break;
    hash.update(block);
    at += block.length;
  }
  return hash.digest("hex");
}

async function read(file: FileHandle, at: number, octets: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(octets), 0, octets, at);
  return buffer.subarray(0, bytesRead);
}

/** What is missing for a blank line at the end; other programs may have forgotten it. */
async function gapBehind(file: FileHandle, size: number): Promise<string> {
  if (size === 0) return "";
  const end = (await read(file, Math.max(0, size - 2), 2)).toString("latin1");
  if (end.endsWith("\n\n")) return "";
  return end.endsWith("\n") ? "\n" : "\n\n";
}
