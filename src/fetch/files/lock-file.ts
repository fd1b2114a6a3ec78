// Creates, replaces and removes lock files. The process that created a lock file holds the lock. Only one
// process at a time can replace it, and only if its holder is dead, has released it, or has not renewed it
// for a long time.
import { randomBytes } from "node:crypto";
import { constants, type BigIntStats, type Stats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { isSystemError } from "./fsync.ts";
import { fenceOf, nextFence } from "./fence.ts";
import { ForeignFileError, openStated, type OpenFile } from "./own-file.ts";
import { HELD as HELD_OPEN, link, lstat, open, rename, unlink } from "./patient-fs.ts";
import { isDead } from "./process-space.ts";
import { readPart } from "./read-part.ts";
import { wallTime } from "../../system/clock.ts";

/** The contents of a new lock file, and the age at which another lock counts as abandoned (milliseconds). */
export interface Claim {
  readonly token: string;
  readonly host: string;
  readonly stale: number;
  /** See {@link nextFence}. */
  readonly fence: bigint;
}

/** A lock file that this process holds. */
export interface Hold {
  readonly file: FileHandle;
  /** What the system said about the file when it was created. */
  readonly stats: BigIntStats;
  /** The fence in the lock file: greater than that of the lock that it replaced. */
  readonly fence: bigint;
  /** Whether it replaced the lock of another process. */
  readonly takenOver: boolean;
  /** Whether the holder of the replaced lock had not released it. */
  readonly fromCrash: boolean;
}

export interface Holder {
  readonly token: string;
  readonly pid: number | undefined;
  readonly host: string | undefined;
  /** 0 in a lock file of an older version, or of another program. */
  readonly fence: bigint;
  /** Whether its holder has released the lock, and left the file, see {@link Lock.leavesFile}. */
  readonly free: boolean;
  /**
   * When the file was last written, which shows that its holder is alive; milliseconds since 1970 by the
   * clock of the file system.
   */
  readonly seen: number;
  /** Whether the file could not be read, so that only its age is known. */
  readonly isUnread?: boolean;
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
  const made = await make(path, claim);
  if (typeof made === "object") return { ...made, fence: claim.fence, takenOver: false, fromCrash: false };
  if (made === undefined) return undefined;
  const holder = await readHolder(path);
  // Usually the holder is alive. If all who want the lock created successors to see that, there would be
  // successors of successors.
  if (holder === undefined || !isAbandoned(holder, claim, made)) return undefined;
  return succeed(path, holder, claim);
}

/**
 * Replaces an abandoned lock. Only the process that holds the lock `<path>.<token>` may judge and replace the
 * lock with that token. It replaces the lock by renaming `<path>.<token>` to `path`.
 */
async function succeed(path: string, holder: Holder, claim: Claim): Promise<Hold | undefined> {
  const successor = `${path}.${holder.token}`;
  const fence = holder.fence < claim.fence ? claim.fence : nextFence(holder.fence);
  const hold = await acquire(successor, { ...claim, fence });
  if (hold === undefined) return undefined;
  let replaced = false;
  try {
    // By the clock of the file system, as in `make`.
    const { mtimeMs: now } = await hold.file.stat();
    const still = await readHolder(path);
    if (still?.token !== holder.token || !isAbandoned(still, claim, now)) return undefined;
    replaced = await replace(successor, path);
    return replaced ? { ...hold, takenOver: true, fromCrash: !still.free } : undefined;
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
 * Creates a lock file. If there already is one, returns the time by the clock of the file system; milliseconds
 * since 1970. Returns `undefined` if the lock file was replaced at once. The file gets its name only after its
 * contents are written. A process that dies before that leaves only a claim, see {@link isClaim}.
 */
async function make(path: string, claim: Claim): Promise<Made | number | undefined> {
  const { token, host, fence } = claim;
  const temporary = `${path}.${randomBytes(8).toString("hex")}.tmp`;
  // On Windows a removed name stays as long as the file is open.
  const isWindows = process.platform === "win32";
  const file = await open(temporary, "wx", 0o600);
  try {
    const since = new Date(wallTime()).toISOString();
    // If the disk is full, this fails before the lock exists. A lock without a holder would be respected for
    // a long time.
    const holder = { token, pid: process.pid, host, fence: String(fence), since };
    await file.writeFile(`${JSON.stringify(holder)}\n`);
    if (isWindows) await file.close();
    await link(temporary, path);
  } catch (error) {
    // Hosts may share the file system, but not their clocks. The file system has just dated our claim.
    let failure: Error | undefined;
    const stats = await lstat(temporary).catch((cause: unknown) => void (failure = cause as Error));
    // If the reply is lost, NFS may repeat the request and report that it failed. It has succeeded if the claim has two
    // names, see open(2) of Linux.
    if (stats?.nlink !== 2) {
      await file.close().catch(() => {});
      await unlink(temporary).catch(() => {});
      if (isSystemError(error, "EEXIST") && stats !== undefined) return stats.mtimeMs;
      if (!isSystemError(error, "EEXIST") && !isSystemError(error, "ENOENT")) throw error;
      // The same would happen to the next claim.
      if (failure !== undefined && !isSystemError(failure, "ENOENT")) throw failure;
      // Another process mistook our claim for a leftover.
      return make(path, claim);
    }
  }
  // The lock is held from here on. If the claim cannot be removed, a later run sweeps it.
  const removed = unlink(temporary).catch(() => {});
  if (isWindows) return removed.then(() => openMade(path, token));
  // Elsewhere the claim and the lock are two names of one open file.
  const [stats] = await Promise.allSettled([file.stat({ bigint: true }), removed]);
  if (stats.status === "fulfilled") return { file, stats: stats.value };
  await giveUp(path, file);
  throw stats.reason;
}

/** A lock file that was created. */
type Made = Pick<Hold, "file" | "stats">;

/**
 * Opens the lock file that this process has just created. Returns `undefined` if another process has already
 * taken it over or removed it.
 */
async function openMade(path: string, token: string): Promise<Made | undefined> {
  let opened: OpenFile;
  try {
    opened = await openStated(path, constants.O_RDWR);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    // The lock is ours: no other process takes over a lock that was created a moment ago.
    await unlink(path).catch(() => {});
    throw error;
  }
  const { file } = opened;
  try {
    if ((await holderIn(opened)).token === token) return opened;
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
 * released; on a full disk, which may refuse that, it gets a time so long ago that the next process takes it over.
 * `removes`: whether to remove the path; not if it may be the lock of another process. Never rejects.
 */
export async function giveUp(path: string, file: FileHandle, removes = true): Promise<void> {
  const isRemoved =
    removes &&
    (await unlink(path).then(
      () => true,
      () => false,
    ));
  if (!isRemoved) {
    await file
      .write(FREE, 0)
      .catch(() => file.utimes(0, 0))
      .catch(() => {});
  }
  await file.close().catch(() => {});
}

/** Renews the lock. Writes to the file that we hold, even if another file has its name by now. */
export async function beat(file: FileHandle): Promise<void> {
  await file.write(HELD, 0);
}

/** Tells whether the lock may be replaced at the time `now`; milliseconds since 1970. */
export function isAbandoned(
  holder: Holder,
  { host, stale }: Pick<Claim, "host" | "stale">,
  now: number,
): boolean {
  if (holder.free) return true;
  // If the time is far in the future, the clock was put back, and the holder has not renewed the lock since.
  if (Math.abs(now - holder.seen) > stale) return true;
  return holder.host === host && holder.pid !== undefined && isDead(holder.pid);
}

async function holderIn({ file, stats }: OpenFile): Promise<Holder> {
  const octets = await readPart(file, 0, Math.min(LONGEST, Number(stats.size)));
  return holderOf(octets.toString("utf8"), stats);
}

/**
 * Reads who holds the lock. Returns `undefined` if there is no lock file. If the file cannot be read, only
 * its age counts.
 */
export async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const opened = await openStated(path, constants.O_RDONLY);
    try {
      return await holderIn(opened);
    } finally {
      await opened.file.close();
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
  return stats && { ...holderOf("", stats), isUnread: true };
}

/**
 * Parses a lock file. If popwright did not write it in this form, only its age counts: it is the lock of
 * another program, or our own after a power loss.
 */
export function holderOf(
  text: string,
  { mtimeMs }: Pick<Stats, "mtimeMs"> | Pick<BigIntStats, "mtimeMs">,
): Holder {
  const free = text.startsWith(FREE);
  let value: unknown;
  try {
    value = JSON.parse(free ? HELD + text.slice(FREE.length) : text);
  } catch {
    value = undefined;
  }
  const { token, pid, host, fence } = (value ?? {}) as Record<string, unknown>;
  const isToken = typeof token === "string" && /^[0-9a-f]{16}$/.test(token);
  return {
    // The token becomes a part of a file name.
    token: isToken ? token : "unknown",
    // Numbers of 0 and less would name groups of processes.
    pid: typeof pid === "number" && Number.isInteger(pid) && pid > 0 ? pid : undefined,
    host: typeof host === "string" ? host : undefined,
    fence: fenceOf(fence),
    free: free && isToken,
    seen: Number(mtimeMs),
  };
}
