// Opens files safely in directories where other users may have put something else under our names. A link is
// not followed, a FIFO does not block, and a file that another user has created or can write to is not used.
import { constants, type BigIntStats, type Stats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { isSystemError } from "./fsync.ts";
import { lstat, open, unlink } from "./patient-fs.ts";
import { printable } from "../../protocol/printable.ts";

/**
 * These protect us even if another user replaces the file at the last moment. Windows has neither flag: there
 * only a check before opening detects a link.
 */
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants as Partial<typeof constants>;

/** The write permissions of the group and of other users. */
const WRITABLE_BY_OTHERS = 0o022;

/**
 * The owner and the permissions of a file that we have just created in the same directory, with mode 0600.
 * Some file systems (NFS, CIFS, FUSE, Windows) show another owner and other permissions than requested.
 */
export type OurFile = Pick<Stats, "uid" | "mode">;

/** The file under one of our names cannot be used. It was not changed. */
export class ForeignFileError extends Error {
  readonly path: string;

  constructor(path: string, what: string, options?: ErrorOptions) {
    super(`${printable(path)} ${what}. Remove or rename it`, options);
    this.path = path;
  }

  static {
    Object.defineProperty(this.prototype, "name", { value: "ForeignFileError", configurable: true });
  }
}

/** An open file, and what the system says about it. */
export interface OpenFile {
  readonly file: FileHandle;
  readonly stats: BigIntStats;
}

/**
 * Opens an existing regular file. `flags` are the numeric flags of `open`, without `O_CREAT`. Rejects with
 * {@link ForeignFileError} if the name belongs to something else, and with system errors.
 */
export async function openRegular(path: string, flags: number): Promise<FileHandle> {
  return (await openStated(path, flags)).file;
}

/**
 * Opens a file as {@link openRegular} does, but only if no other user can have written its contents: the file
 * belongs to us, no other user can write to it, and it has no second name. Rejects with
 * {@link ForeignFileError} otherwise.
 */
export async function openOwn(path: string, flags: number, ours: OurFile): Promise<FileHandle> {
  return (await openOwnStated(path, flags, ours)).file;
}

/** Opens a file as {@link openOwn} does, and tells what the system says about it. */
export async function openOwnStated(path: string, flags: number, ours: OurFile): Promise<OpenFile> {
  const opened = await openStated(path, flags);
  const fault = faultOf(opened.stats, ours);
  if (fault === undefined) return opened;
  await opened.file.close();
  throw new ForeignFileError(path, fault);
}

/** The part of what the system says about a file that decides whether it is ours. */
type Ownership = Readonly<Record<"uid" | "mode" | "nlink", number | bigint>>;

/** Tells whether no other user can have written the contents of a file, see {@link openOwn}. */
export function isOwn(stats: Ownership, ours: OurFile): boolean {
  return faultOf(stats, ours) === undefined;
}

/** Tells whether a file has the same owner as our files. */
export function isOwnedLike({ uid }: Pick<Ownership, "uid">, ours: OurFile): boolean {
  return Number(uid) === ours.uid;
}

function faultOf(stats: Ownership, ours: OurFile): string | undefined {
  if (!isOwnedLike(stats, ours)) return "belongs to another user";
  if ((Number(stats.mode) & ~ours.mode & WRITABLE_BY_OTHERS) !== 0) return "can be written to by other users";
  if (stats.nlink > 1) return `is one of ${String(stats.nlink)} names (hard links) of a file`;
  return undefined;
}

/** Opens a file as {@link openRegular} does, and tells what the system says about it. */
export async function openStated(path: string, flags: number): Promise<OpenFile> {
  if (O_NOFOLLOW === 0) await checkRegular(path);
  let file: FileHandle;
  try {
    file = await open(path, flags | O_NOFOLLOW | O_NONBLOCK);
  } catch (cause) {
    // A link (ELOOP; FreeBSD: EMLINK), a FIFO or a socket, or a directory.
    if (!["ELOOP", "EMLINK", "ENXIO", "EISDIR"].some((code) => isSystemError(cause, code))) throw cause;
    await checkRegular(path);
    throw new ForeignFileError(path, "is not a regular file", { cause });
  }
  try {
    const stats = await file.stat({ bigint: true });
    if (!stats.isFile()) throw notRegular(path, stats);
    return { file, stats };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function checkRegular(path: string): Promise<void> {
  const stats = await lstat(path);
  if (!stats.isFile()) throw notRegular(path, stats);
}

type Kind = Stats | BigIntStats;

/** Returns the error for a file that is not a regular one. */
export function notRegular(path: string, stats: Kind): ForeignFileError {
  return new ForeignFileError(path, `is ${kindOf(stats)}, not a regular file`);
}

function kindOf(stats: Kind): string {
  if (stats.isSymbolicLink()) return "a symbolic link";
  if (stats.isDirectory()) return "a directory";
  if (stats.isFIFO()) return "a FIFO";
  return stats.isSocket() ? "a socket" : "a device";
}

/**
 * Removes a name that we no longer need. A directory stays, and so does a file that we have no permission to
 * remove: another user may have put it there. Rejects with other system errors.
 */
export async function removeName(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!["ENOENT", "EISDIR", "EPERM", "EACCES"].some((code) => isSystemError(error, code))) throw error;
  }
}
