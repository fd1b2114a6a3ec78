// Takes back, under the lock, what another process has left unfinished in an mbox. If that process may live, the mbox
// becomes a new file: what the process still writes goes into the old one, which no program reads any more.
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isSystemError, syncName } from "../files/fsync.ts";
import { isOwnedLike, removeName } from "../files/own-file.ts";
import { lstat, open, rename, rm } from "../files/patient-fs.ts";
import { takeBack, takeBackInPlace, type MboxLock } from "./mbox-append.ts";
import {
  adopt,
  copyPath,
  findCopies,
  findNotes,
  removeNote,
  type FoundNote,
  type Noted,
} from "./mbox-note.ts";
import { openMbox } from "./mbox-open.ts";

/** Octets that are copied at a time. */
const BLOCK = 256 * 1024;

/** `names`: those in the directory of the mbox, read under the lock. */
export async function recover(path: string, names: readonly string[], lock: MboxLock): Promise<void> {
  // A process that slept while it made a copy must not put it in place now.
  for (const name of findCopies(path, names)) await removeName(join(dirname(path), name));
  const notes: FoundNote[] = [];
  for (const note of await findNotes(path, names, lock.ours)) {
    if (note.noted === undefined) await removeNote(note.path, lock.ours);
    else notes.push(note);
  }
  if (notes.length === 0) return;
  const noted = notes.flatMap((note) => note.noted ?? []);
  if (notes.every((note) => note.isOfDead) || !(await renew(path, lock, noted))) {
    // From the first change on this process may write, and has to be known for that.
    const adopted: string[] = [];
    for (const note of notes) adopted.push(await adopt(path, note));
    await takeBackInPlace(path, lock, noted);
    for (const each of adopted) await removeNote(each, lock.ours);
  } else {
    for (const note of notes) await removeNote(note.path, lock.ours);
  }
}

/**
 * Puts a copy in the place of the mbox, without what was not finished. Returns whether it has: a file that belongs to
 * another user, or that the path leads to by a link, is not replaced.
 */
async function renew(path: string, lock: MboxLock, notes: readonly Noted[]): Promise<boolean> {
  const named = await lstat(path).catch((error: unknown) => {
    if (isSystemError(error, "ENOENT")) return undefined;
    throw error;
  });
  if (named?.isFile() !== true || !isOwnedLike(named, lock.ours)) return false;
  const file = await openMbox(path, constants.O_RDONLY, lock.ours);
  return file !== undefined && replaceByCopy(path, file, lock, notes);
}

async function replaceByCopy(
  path: string,
  file: FileHandle,
  lock: MboxLock,
  notes: readonly Noted[],
): Promise<boolean> {
  const temporary = await copyPath(path);
  try {
    const copy = await open(temporary, "wx+", 0o600).catch(async (error: unknown) => {
      await file.close();
      throw error;
    });
    try {
      await copyAll(file, copy);
      for (const noted of notes) await takeBack(copy, noted);
      const { mode, gid } = await file.stat();
      if ((await copy.stat()).gid !== gid) await copy.chown(-1, gid);
      await copy.chmod(mode & 0o7777);
      await copy.sync();
    } finally {
      await copy.close();
      // Windows replaces no file that is open.
      await file.close();
    }
    await lock.confirm();
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    // The group of the file is not one of ours.
    if (isSystemError(error, "EPERM")) return false;
    throw error;
  }
  await syncName(path);
  return true;
}

async function copyAll(from: FileHandle, to: FileHandle): Promise<void> {
  const block = Buffer.allocUnsafe(BLOCK);
  for (let at = 0; ;) {
    const { bytesRead } = await from.read(block, 0, BLOCK, at);
    if (bytesRead === 0) return;
    await to.writeFile(block.subarray(0, bytesRead));
    at += bytesRead;
  }
}
