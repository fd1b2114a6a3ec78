// Creates, replaces and removes lock files. The process that created a lock file holds the lock. Only one
// process at a time can replace it, and only if its holder is dead, has released it, or has not renewed it
// for a long time.
import { randomBytes } from "node:crypto";
import { constants, type Stats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { isSystemError } from "./fsync.ts";
import { ForeignFileError, openRegular } from "./own-file.ts";
import { HELD as HELD_OPEN, link, lstat, open, rename, rm } from "./patient-fs.ts";
import { isDead } from "./process-space.ts";

/** The contents of a new lock file, and the age at which another lock counts as abandoned (milliseconds). */
export interface Claim {
  readonly token: string;
  readonly host: string;
  readonly stale: number;
}

/** A lock file that this process holds, and whether it replaced the lock of another process. */
export interface Hold {
  readonly file: FileHandle;
  readonly takenOver: boolean;
}

export interface Holder {
  readonly token: string;
  readonly pid: number | undefined;
  readonly host: string | undefined;
  /** Whether its holder has released the lock, but could not remove the file. */
  readonly free: boolean;
  /**
   * When the file was last written, which shows that its holder is alive; milliseconds since 1970 by the
   * clock of the file system.
   */
  readonly seen: number;
}

/**
 * The first byte of a lock file: its holder is alive, or has released it. One byte is written completely or
 * not at all.
 */
const [HELD, FREE] = ["{", "-"];

/** More than popwright writes; bytes. The lock file of another program may have any size. */
const LONGEST = 4096;

/** Creates the lock file, or replaces an abandoned one. Returns `undefined` if another process holds it. */
export async function acquire(path: string, claim: Claim): Promise<Hold | undefined> {
  const file = await make(path, claim);
  if (file !== undefined) return { file, takenOver: false };
  const holder = await readHolder(path);
  return holder && succeed(path, holder, claim);
}

/**
 * Replaces an abandoned lock. Only the process that holds the lock `<path>.<token>` may judge and replace the
 * lock with that token. It replaces the lock by renaming `<path>.<token>` to `path`.
 */
async function succeed(path: string, holder: Holder, claim: Claim): Promise<Hold | undefined> {
  const successor = `${path}.${holder.token}`;
  const hold = await acquire(successor, claim);
  if (hold === undefined) return undefined;
  let replaced = false;
  try {
    // Hosts may share the file system, but not their clocks. The file system has just dated our file, so that
    // time is its current time.
    const { mtimeMs: now } = await hold.file.stat();
    const still = await readHolder(path);
    if (still?.token !== holder.token || !isAbandoned(still, claim, now)) return undefined;
    replaced = await replace(successor, path);
    return replaced ? { file: hold.file, takenOver: true } : undefined;
  } finally {
    if (!replaced) await giveUp(successor, hold.file);
  }
}

/**
 * Renames the successor to the lock. A link or a FIFO is replaced by its name alone. A directory stays, and
 * so may a file of another user. Returns `false` if the holder has the file open on Windows.
 */
async function replace(successor: string, path: string): Promise<boolean> {
  try {
    await rename(successor, path);
    return true;
  } catch (cause) {
    if (await isOpenOnWindows(path, cause)) return false;
    if (["EISDIR", "ENOTEMPTY", "EPERM", "EACCES"].some((code) => isSystemError(cause, code)))
      throw new ForeignFileError(path, "is an abandoned lock that this user cannot replace", { cause });
    throw cause;
  }
}

/**
 * Windows does not let an open file be replaced: its holder sends no sign of life, but it is alive. The
 * journal next to the lock could not be replaced either.
 */
async function isOpenOnWindows(path: string, cause: unknown): Promise<boolean> {
  const isHeld = HELD_OPEN.has((cause as NodeJS.ErrnoException).code);
  return process.platform === "win32" && isHeld && (await lstat(path)).isFile();
}

/**
 * Creates a lock file. Returns `undefined` if there already is one. The file gets its name only after its
 * contents are written. A process that dies before that leaves only a claim, see {@link isClaim}.
 */
async function make(path: string, claim: Claim): Promise<FileHandle | undefined> {
  const { token, host } = claim;
  const temporary = `${path}.${randomBytes(8).toString("hex")}.tmp`;
  const file = await open(temporary, "wx", 0o600);
  try {
    const since = new Date().toISOString();
    // If the disk is full, this fails before the lock exists. A lock without a holder would be respected for
    // a long time.
    await file.writeFile(`${JSON.stringify({ token, pid: process.pid, host, since })}\n`);
    // On Windows a removed name stays as long as the file is open.
    await file.close();
    await link(temporary, path);
  } catch (error) {
    await file.close().catch(() => {});
    await rm(temporary, { force: true }).catch(() => {});
    if (isSystemError(error, "EEXIST")) return undefined;
    // Another process mistook our claim for a leftover.
    if (isSystemError(error, "ENOENT")) return make(path, claim);
    throw error;
  }
  // The lock is held from here on. If the claim cannot be removed, a later run sweeps it.
  await rm(temporary, { force: true }).catch(() => {});
  return openMade(path, token);
}

/**
 * Opens the lock file that this process has just created. Returns `undefined` if another process has already
 * taken it over or removed it.
 */
async function openMade(path: string, token: string): Promise<FileHandle | undefined> {
  let file: FileHandle;
  try {
    file = await openRegular(path, constants.O_RDWR);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    // The lock is ours: no other process takes over a lock that was created a moment ago.
    await rm(path, { force: true }).catch(() => {});
    throw error;
  }
  try {
    if ((await holderIn(file)).token === token) return file;
  } catch (error) {
    await giveUp(path, file);
    throw error;
  }
  await file.close();
  return undefined;
}

/**
 * Tells whether a file of this name is a claim, which a process writes before it gets the lock. If a claim is
 * removed while its process still needs it, the process creates a new one.
 */
export function isClaim(file: string): boolean {
  return /\.lock(?:\.[0-9a-f]{16})+\.tmp$/.test(file);
}

/**
 * Removes a lock of this process, and closes its file. If the file cannot be removed, it is marked as
 * released. `isOurs` rejects if the path may be another process's lock by now. Never rejects.
 */
export async function giveUp(
  path: string,
  file: FileHandle,
  isOurs: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  try {
    await isOurs();
    await rm(path);
  } catch {
    await file.write(FREE, 0).catch(() => {});
  }
  await file.close().catch(() => {});
}

/** Renews the lock. Writes to the file that we hold, even if another file has its name by now. */
export async function beat(file: FileHandle): Promise<void> {
  await file.write(HELD, 0);
}

function isAbandoned(holder: Holder, { host, stale }: Claim, now: number): boolean {
  if (holder.free) return true;
  // If the time is far in the future, the clock was put back, and the holder has not renewed the lock since.
  if (Math.abs(now - holder.seen) > stale) return true;
  return holder.host === host && holder.pid !== undefined && isDead(holder.pid);
}

async function holderIn(file: FileHandle): Promise<Holder> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(LONGEST), 0, LONGEST, 0);
  return holderOf(buffer.toString("utf8", 0, bytesRead), await file.stat());
}

/**
 * Reads who holds the lock. Returns `undefined` if there is no lock file. If the file cannot be read, only
 * its age counts.
 */
export async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const file = await openRegular(path, constants.O_RDONLY);
    try {
      return await holderIn(file);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    // The lock of another user that we may not read, or something that is not a file.
    if (!(error instanceof ForeignFileError) && !isSystemError(error, "EACCES")) throw error;
  }
  const stats = await lstat(path).catch((error: unknown) => {
    if (isSystemError(error, "ENOENT")) return undefined;
    throw error;
  });
  return stats && holderOf("", stats);
}

/**
 * Parses a lock file. If popwright did not write it in this form, only its age counts: it is the lock of
 * another program, or our own after a power loss.
 */
function holderOf(text: string, { mtimeMs: seen }: Stats): Holder {
  const free = text.startsWith(FREE);
  let value: unknown;
  try {
    value = JSON.parse(free ? HELD + text.slice(FREE.length) : text);
  } catch {
    value = undefined;
  }
  const { token, pid, host } = (value ?? {}) as Record<string, unknown>;
  const isToken = typeof token === "string" && /^[0-9a-f]{16}$/.test(token);
  return {
    // The token becomes a part of a file name.
    token: isToken ? token : "unknown",
    // Numbers of 0 and less would name groups of processes.
    pid: typeof pid === "number" && Number.isInteger(pid) && pid > 0 ? pid : undefined,
    host: typeof host === "string" ? host : undefined,
    free: free && isToken,
    seen,
  };
}
