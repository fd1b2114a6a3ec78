// Opens an mbox safely. The user chooses its path, but other users may be able to put something else there.
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { isSystemError } from "../files/fsync.ts";
import { ForeignFileError, isOwnedLike, openRegular, type OurFile } from "../files/own-file.ts";
import { constants, lstat, open, realpath, stat } from "../files/patient-fs.ts";

/** The lock of an mbox, while this process holds it. */
export interface MboxLock {
  /** The owner and the permissions of our files there. */
  readonly ours: OurFile;
  /** Rejects if another process has taken over the lock. */
  confirm(): Promise<void>;
}

/** The permission of every user to create files in a directory. */
const OPEN_TO_ALL = 0o002;

/**
 * Opens the mbox with these flags. Returns `undefined` if it does not exist. Rejects with
 * {@link ForeignFileError} for everything to which Postfix does not deliver either: something that is not a
 * regular file, a file with a second name, a link that another user has created, and the file of another user
 * in a directory where every user can create files.
 */
export async function openMbox(path: string, flags: number, ours: OurFile): Promise<FileHandle | undefined> {
  const target = await targetOf(path, ours);
  if (target === undefined) return undefined;
  const file = await openRegular(target, flags);
  try {
    const stats = await file.stat();
    if (stats.nlink > 1)
      throw new ForeignFileError(path, `is one of ${String(stats.nlink)} names (hard links) of a file`);
    if (ours.uid !== 0 && !isOwnedLike(stats, ours) && (await isOpenToAll(dirname(target))))
      throw new ForeignFileError(path, "belongs to another user, and every user can create files there");
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Opens the mbox for appending, and creates it if it is missing. */
export async function openForAppending(
  path: string,
  ours: OurFile,
): Promise<{ readonly file: FileHandle; readonly isNew: boolean }> {
  const file = await openMbox(path, constants.O_RDWR | constants.O_APPEND, ours);
  if (file !== undefined) return { file, isNew: false };
  // Exclusively: a file that another user creates in between is not opened.
  return { file: await open(path, "ax+", 0o600), isNew: true };
}

/** Follows a link of our own or of root, because an mbox is often in another place. */
async function targetOf(path: string, ours: OurFile): Promise<string | undefined> {
  try {
    const named = await lstat(path);
    if (!named.isSymbolicLink()) return path;
    if (named.uid !== 0 && !isOwnedLike(named, ours))
      throw new ForeignFileError(path, "is a symbolic link that another user has created");
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    throw error;
  }
  try {
    return await realpath(path);
  } catch (cause) {
    throw new ForeignFileError(path, "is a symbolic link that leads to no file", { cause });
  }
}

async function isOpenToAll(directory: string): Promise<boolean> {
  return ((await stat(directory)).mode & OPEN_TO_ALL) !== 0;
}
