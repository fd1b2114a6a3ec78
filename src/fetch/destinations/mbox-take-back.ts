// Removes from an mbox what is there of unfinished messages. A whole message stays and counts as delivered. Text of
// other programs stays.
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { constants } from "../files/patient-fs.ts";
import { readPart } from "../files/read-part.ts";
import { fromLines, KEY_AT, MARK, NO_KEY } from "./from-line.ts";
import type { Noted } from "./mbox-note.ts";
import { openMbox, type MboxLock } from "./mbox-open.ts";

/**
 * Which appended messages to remove. A complete message counts as delivered, unless its own delivery has
 * reported an error. If it must stay then, because another program has appended after it, the next try finds it.
 */
type Unwanted = "unless whole" | "even if whole";

const [LF, NUL] = [0x0a, 0];

/** Removes unfinished messages from the file itself. The notes must exist, either our own or adopted ones. */
export async function takeBackInPlace(
  path: string,
  lock: MboxLock,
  notes: readonly (readonly Noted[])[],
  which: Unwanted = "unless whole",
): Promise<void> {
  const file = await openMbox(path, constants.O_RDWR, lock.ours);
  // A mail reader may remove an mbox that has become empty.
  if (file === undefined) return;
  try {
    await lock.confirm();
    for (const group of notes) await takeBack(file, group, which);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Removes what is there of unfinished messages, which were appended together. Begins with the last one, so that the
 * file can be truncated. For that, a whole message goes as well if it comes after an unfinished one: none of them
 * counts as delivered yet. It stays if another program has appended after it.
 */
export async function takeBack(
  file: FileHandle,
  group: readonly Noted[],
  which: Unwanted = "unless whole",
): Promise<void> {
  const whole: boolean[] = [];
  for (const noted of group) whole.push(await isThere(file, noted));
  const unfinished = whole.indexOf(false);
  const kept = which === "even if whole" ? 0 : unfinished === -1 ? group.length : unfinished;
  for (const [at, noted] of [...group.entries()].reverse()) {
    if (at >= kept) await remove(file, noted, whole[at] === true);
    else await rewrite(file, noted);
  }
}

/** Tells whether a message and the line ends before it are there as they were appended. */
async function isThere(file: FileHandle, { at, gap, line, octets, digest }: Noted): Promise<boolean> {
  const expected = Buffer.from("\n".repeat(gap) + line);
  if (!(await readPart(file, at - gap, expected.length)).equals(expected)) return false;
  return (await digestOf(file, at, octets)) === digest;
}

/**
 * Removes what is there of a message. Text that another program has written in its place stays. If another program
 * has appended after it, the message stays: with its key if it is whole, otherwise with a key that no message has.
 */
async function remove(file: FileHandle, noted: Noted, isWhole: boolean): Promise<void> {
  const { at, gap, line, octets } = noted;
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
  const next = await findFrom(file, at + 1);
  if (next === undefined && isAlone) await file.truncate(start);
  else if (isWhole) await rewrite(file, noted);
  else if (next === undefined && !isZeroed) await file.write(NO_KEY, at + KEY_AT, "latin1");
  else await disown(file, at, gap, line, { end: next ?? size, isZeroed });
}

/**
 * Writes what is there once more, so that the next sync writes it to the disk. If a sync has failed, the system may show
 * a message that is not on the disk, and a later sync does not write it.
 */
async function rewrite(file: FileHandle, { at, gap, octets }: Noted): Promise<void> {
  const end = at + octets;
  for (let next = at - gap; next < end;) {
    const block = await readPart(file, next, Math.min(BLOCK, end - next));
    if (block.length === 0) return;
    await file.write(block, 0, block.length, next);
    next += block.length;
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
