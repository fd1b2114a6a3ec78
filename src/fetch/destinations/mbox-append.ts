// An append to an mbox that a crash leaves done or undone: what is to come is noted beside the file before, and whoever
// holds the lock next finds the note, and takes back what there is of it.
import { createHash } from "node:crypto";
import { constants, readFile, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { cutAppended, isSystemError, syncDirectory } from "../durable.ts";
import { open } from "../patient-fs.ts";
import { fromLines, KEY_AT, NO_KEY } from "./from-line.ts";

/** What is about to be appended. */
export interface Append {
  /** Its first line, see {@link fromLine}. */
  readonly line: string;
  /** The size of all of it. */
  readonly octets: number;
  /** SHA-256 of all of it, in hexadecimal. */
  readonly digest: string;
}

interface Note extends Append {
  /** Where it begins; octets. */
  readonly at: number;
}

/** Appends under the lock its line and what follows, all or nothing. Resolves when it will outlast a crash. */
export async function append(path: string, what: Append, pieces: AsyncIterable<Buffer>): Promise<void> {
  const [file, isNew] = await openOrMake(path);
  try {
    const { size } = await file.stat();
    const gap = await gapBehind(file, size);
    await writeNote(path, { ...what, at: size + gap.length });
    if (isNew) await syncDirectory(dirname(path));
    try {
      await file.appendFile(gap + what.line);
      for await (const piece of pieces) await file.appendFile(piece);
      await file.datasync();
    } catch (error) {
      await cutAppended(file, path, size);
      await clearNote(path);
      throw error;
    }
    // Should this not outlast a crash: the digest says that it is whole.
    await clearNote(path);
  } finally {
    await file.close();
  }
}

/** Takes back, under the lock, what of an append was left by one who died over it. */
export async function recover(path: string): Promise<void> {
  const note = await readNote(path);
  if (note === undefined) return;
  try {
    const file = await open(path, "r+");
    try {
      await takeBack(file, note);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    // A reader that has nothing left in an mbox may remove it.
    if (!isSystemError(error, "ENOENT")) throw error;
  }
  await clearNote(path);
}

async function takeBack(file: FileHandle, { at, line, octets, digest }: Note): Promise<void> {
  const { size } = await file.stat();
  const first = await read(file, at, Math.min(line.length, Math.max(0, size - at)));
  // Nothing of it was written, or the file has been written anew by another program.
  if (first.length === 0 || !line.startsWith(first.toString("latin1"))) return;
  if (size - at >= octets && (await digestOf(file, at, octets)) === digest) return;
  // Its own lines cannot look like this: another program has appended behind it.
  const isLast = (await fromLines(file, at + 1).next()).done === true;
  if (isLast && size - at <= octets) await file.truncate(at);
  else if (first.length === line.length) await file.write(NO_KEY, at + KEY_AT, "latin1");
}

async function digestOf(file: FileHandle, at: number, octets: number): Promise<string> {
  const hash = createHash("sha256");
  for (const end = at + octets; at < end;) {
    const block = await read(file, at, Math.min(256 * 1024, end - at));
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

/** For reading and appending; returns whether it was not there. */
async function openOrMake(path: string): Promise<[file: FileHandle, isNew: boolean]> {
  try {
    return [await open(path, constants.O_RDWR | constants.O_APPEND), false];
  } catch (error) {
    if (!isSystemError(error, "ENOENT")) throw error;
    return [await open(path, "ax+", 0o600), true];
  }
}

function notePath(path: string): string {
  return join(dirname(path), `.${basename(path)}.popwright`);
}

async function writeNote(path: string, note: Note): Promise<void> {
  const [file, isNew] = await openOrMake(notePath(path));
  try {
    // What is torn by a crash is no JSON; nothing has been appended then.
    await cutAppended(file, notePath(path), 0);
    await file.appendFile(JSON.stringify(note));
    await file.datasync();
  } finally {
    await file.close();
  }
  if (isNew) await syncDirectory(dirname(path));
}

/** Durably: what a reader does to the message from then on must not be taken for a crash of ours. */
async function clearNote(path: string): Promise<void> {
  const note = await open(notePath(path), "r+");
  try {
    await note.truncate();
    await note.datasync();
  } finally {
    await note.close();
  }
}

async function readNote(path: string): Promise<Note | undefined> {
  try {
    const text = await readFile(notePath(path), "latin1");
    return text === "" ? undefined : (JSON.parse(text) as Note);
  } catch (error) {
    if (error instanceof SyntaxError || isSystemError(error, "ENOENT")) return undefined;
    throw error;
  }
}
