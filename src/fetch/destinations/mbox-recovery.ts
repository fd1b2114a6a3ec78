// Removes, under the lock, messages that another process has left unfinished in an mbox. If that process may
// still be alive, the mbox is replaced by a new file. What the process still writes goes into the old file,
// which no program reads any more.
import type { FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isSystemError, syncName } from "../files/fsync.ts";
import { isOwnedLike, removeName } from "../files/own-file.ts";
import { constants, lstat, open, rename, rm } from "../files/patient-fs.ts";
import {
  adopt,
  copyPath,
  findCopies,
  findNotes,
  removeNote,
  type FoundNote,
  type Noted,
} from "./mbox-note.ts";
import { openMbox, type MboxLock } from "./mbox-open.ts";
import { takeBack, takeBackInPlace } from "./mbox-take-back.ts";

/** How much is copied at a time; octets. */
const BLOCK = 256 * 1024;

/** Removes unfinished messages. `names` are the files in the directory of the mbox, read under the lock. */
export async function recover(path: string, names: readonly string[], lock: MboxLock): Promise<void> {
  // A process that has slept while it created a copy must not put it in place now.
  for (const name of findCopies(path, names)) await removeName(join(dirname(path), name));
  const notes: FoundNote[] = [];
  for (const note of await findNotes(path, names, lock.ours)) {
    if (note.group.length === 0) await removeNote(note.path, lock.ours);
    else notes.push(note);
  }
  if (notes.length === 0) return;
  const groups = notes.map(({ group }) => group);
  if (notes.every((note) => note.isOfDead) || !(await renew(path, lock, groups))) {
    // From the first change on this process may write, so the notes must name it.
    const adopted: string[] = [];
    for (const note of notes) adopted.push(await adopt(path, note));
    await takeBackInPlace(path, lock, groups);
    for (const each of adopted) await removeNote(each, lock.ours);
  } else {
    for (const note of notes) await removeNote(note.path, lock.ours);
  }
}

/**
 * Replaces the mbox by a copy without the unfinished messages. Returns whether it did. A file is not replaced
 * if it belongs to another user, or if the path is a link.
 */
async function renew(path: string, lock: MboxLock, groups: readonly (readonly Noted[])[]): Promise<boolean> {
  const named = await lstat(path).catch((error: unknown) => {
    if (isSystemError(error, "ENOENT")) return undefined;
    throw error;
  });
  if (named?.isFile() !== true || !isOwnedLike(named, lock.ours)) return false;
  const file = await openMbox(path, constants.O_RDONLY, lock.ours);
  return file !== undefined && replaceByCopy(path, file, lock, groups);
}

async function replaceByCopy(
  path: string,
  file: FileHandle,
  lock: MboxLock,
  groups: readonly (readonly Noted[])[],
): Promise<boolean> {
  const temporary = await copyPath(path);
  try {
    const copy = await open(temporary, "wx+", 0o600).catch(async (error: unknown) => {
      await file.close();
      throw error;
    });
    try {
      await copyAll(file, copy);
      for (const group of groups) await takeBack(copy, group);
      const { mode, gid } = await file.stat();
      if ((await copy.stat()).gid !== gid) await copy.chown(-1, gid);
      await copy.chmod(mode & 0o7777);
      await copy.sync();
    } finally {
      await copy.close();
      // Windows does not replace an open file.
      await file.close();
    }
    await lock.confirm();
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    // We are not a member of the file's group.
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
