// Appends messages to an mbox completely or not at all, even after a crash. A process that has slept past
// the end of its lock can do no harm. Before it appends, a process writes a note about the messages. The note
// stays as long as that process may write. The next holder of the lock removes unfinished messages. It
// works on a new file if the process of the note may still be alive.
import type { FileHandle } from "node:fs/promises";
import { DestinationError } from "./destination-error.ts";
import { Note, type Append, type Noted } from "./mbox-note.ts";
import { openForAppending, type MboxLock } from "./mbox-open.ts";
import { takeBackInPlace } from "./mbox-take-back.ts";
import { printable } from "../../protocol/printable.ts";
import { readPart } from "../files/read-part.ts";

/** The identity and the size of a file. */
export interface Seen {
  readonly inode: number;
  readonly size: number;
}

/** A message to append. */
export interface Appended extends Append {
  /** Returns its text after the first line. A piece is valid until the next one is read. */
  read(): AsyncIterable<Buffer>;
}

/** How much is written at a time; octets. A process that has lost its lock writes no more than that. */
const BLOCK = 256 * 1024;

/**
 * Appends messages, each with its `From ` line: all of them or none. Resolves when they will survive a crash, with
 * the new state of the file.
 *
 * The file is open, and the note exists, before the lock is confirmed for the first time. So a process that
 * takes over the lock later finds the note.
 */
export async function append(path: string, lock: MboxLock, messages: readonly Appended[]): Promise<Seen> {
  const { file } = await openForAppending(path, lock.ours);
  try {
    const { size } = await file.stat();
    const gap = await gapAfter(file, size);
    const note = await Note.create(path);
    try {
      const group = placed(messages, size, gap);
      await lock.confirm();
      await note.write(group);
      try {
        await writeAll(path, file, lock, size, blocksOf(gap, messages));
        const { ino, size: newSize } = await file.stat();
        // If a crash undoes this, the digests show that the messages are complete.
        await note.clear();
        return { inode: ino, size: newSize };
      } catch (error) {
        await undo(path, lock, note, group);
        throw error;
      }
    } finally {
      await note.close();
    }
  } finally {
    await file.close();
  }
}

/** Says where each message will be: directly after the one before it. */
function placed(messages: readonly Append[], size: number, gap: string): Noted[] {
  let at = size + gap.length;
  return messages.map(({ line, octets, digest }, nth) => {
    const noted = { line, octets, digest, at, gap: nth === 0 ? gap.length : 0 };
    at += octets;
    return noted;
  });
}

/** Joins the texts into blocks. A block is valid until the next one is read. */
async function* blocksOf(gap: string, messages: readonly Appended[]): AsyncGenerator<Buffer, void> {
  const total = messages.reduce((sum, { octets }) => sum + octets, gap.length);
  const block = Buffer.allocUnsafe(Math.min(BLOCK, total));
  let length = 0;
  for await (const piece of textOf(gap, messages)) {
    for (let at = 0; at < piece.length;) {
      const copied = piece.copy(block, length, at);
      at += copied;
      length += copied;
      if (length < block.length) continue;
      yield block;
      length = 0;
    }
  }
  if (length > 0) yield block.subarray(0, length);
}

async function* textOf(gap: string, messages: readonly Appended[]): AsyncGenerator<Buffer, void> {
  yield Buffer.from(gap);
  for (const message of messages) {
    yield Buffer.from(message.line);
    yield* message.read();
  }
}

async function writeAll(
  path: string,
  file: FileHandle,
  lock: MboxLock,
  from: number,
  blocks: AsyncIterable<Buffer>,
): Promise<void> {
  let end = from;
  for await (const block of blocks) {
    await lock.confirm();
    if ((await file.stat()).size !== end)
      throw new DestinationError(
        `another program has written to ${printable(path)} without its lock, ${printable(path)}.lock`,
        {
          later: true,
        },
      );
    await file.appendFile(block);
    end += block.length;
  }
  await file.datasync();
  // A process that took over the lock before this moment may have copied the file before the messages were
  // complete.
  await lock.confirm();
}

/** Removes what was appended. If that fails, the note stays and tells the next holder of the lock. */
async function undo(path: string, lock: MboxLock, note: Note, group: readonly Noted[]): Promise<void> {
  try {
    await takeBackInPlace(path, lock, [group], "even if whole");
    await note.clear();
  } catch {
    // The first error is more useful.
  }
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
