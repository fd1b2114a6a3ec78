// A lock file: the process that made it holds it. Only one process at a time may replace it, and only if its holder is
// dead, has given it up, or has shown no sign of life for long.
import { randomBytes } from "node:crypto";
import { constants, type Stats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { isSystemError } from "./fsync.ts";
import { ForeignFileError, openRegular } from "./own-file.ts";
import { HELD as HELD_OPEN, link, lstat, open, rename, rm } from "./patient-fs.ts";
import { isDead } from "./process-space.ts";

/** What is to be in the file, and how old a sign of life may be (milliseconds). */
export interface Claim {
  readonly token: string;
  readonly host: string;
  readonly stale: number;
}

/** A lock file that is ours, and whether it was another's before. */
export interface Hold {
  readonly file: FileHandle;
  readonly takenOver: boolean;
}

export interface Holder {
  readonly token: string;
  readonly pid: number | undefined;
  readonly host: string | undefined;
  /** Whether its holder has given it up, and could not remove it. */
  readonly free: boolean;
  /** When the file was last written, which is a sign of life; milliseconds since 1970 by the file system's clock. */
  readonly seen: number;
}

/** The first byte of a lock: its holder lives, or has given it up. One byte is written whole or not at all. */
const [HELD, FREE] = ["{", "-"];

/** More than we write; bytes. Another program's lock may have any size. */
const LONGEST = 4096;

/** `undefined`: another holds it. */
export async function acquire(path: string, claim: Claim): Promise<Hold | undefined> {
  const file = await make(path, claim);
  if (file !== undefined) return { file, takenOver: false };
  const holder = await readHolder(path);
  return holder && succeed(path, holder, claim);
}

/**
 * Replaces the lock of a holder that has abandoned it. Only the process that holds the lock `<path>.<token>` may judge
 * and replace the lock with that token. It does so by renaming the one to the other.
 */
async function succeed(path: string, holder: Holder, claim: Claim): Promise<Hold | undefined> {
  const successor = `${path}.${holder.token}`;
  const hold = await acquire(successor, claim);
  if (hold === undefined) return undefined;
  let replaced = false;
  try {
    // Hosts may share the file system, but not their clocks: what it calls now is what it has just dated our file.
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
 * A link or a FIFO is replaced by its name alone. A directory stays, and what belongs to another user may. `false`: the
 * holder has it open, on Windows.
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
 * Windows does not let an open file be replaced: its holder is silent, but it lives. The journal beside the lock could not
 * be replaced either.
 */
async function isOpenOnWindows(path: string, cause: unknown): Promise<boolean> {
  const isHeld = HELD_OPEN.has((cause as NodeJS.ErrnoException).code);
  return process.platform === "win32" && isHeld && (await lstat(path)).isFile();
}

/**
 * `undefined`: it is there already. The file gets its name when it says whose it is: a process that dies before that
 * has made nothing but a claim, see {@link isClaim}.
 */
async function make(path: string, claim: Claim): Promise<FileHandle | undefined> {
  const { token, host } = claim;
  const temporary = `${path}.${randomBytes(8).toString("hex")}.tmp`;
  const file = await open(temporary, "wx", 0o600);
  try {
    const since = new Date().toISOString();
    // Fails if the disk is full in the middle of it: a lock that does not say whose it is would be respected for long.
    await file.writeFile(`${JSON.stringify({ token, pid: process.pid, host, since })}\n`);
    // On Windows a name that is removed stays as long as the file is open under it.
    await file.close();
    await link(temporary, path);
  } catch (error) {
    await file.close().catch(() => {});
    await rm(temporary, { force: true }).catch(() => {});
    if (isSystemError(error, "EEXIST")) return undefined;
    // Another process took our claim for a leftover.
    if (isSystemError(error, "ENOENT")) return make(path, claim);
    throw error;
  }
  // The lock is held from here on: a claim that stays is swept one day.
  await rm(temporary, { force: true }).catch(() => {});
  return openMade(path, token);
}

/** `undefined`: another has taken it over already, or removed it. */
async function openMade(path: string, token: string): Promise<FileHandle | undefined> {
  let file: FileHandle;
  try {
    file = await openRegular(path, constants.O_RDWR);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    // It is ours: no other process takes over what was made a moment ago.
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

/** Whether a file of this name is what becomes a lock, or was to. Those that still shall are made again when removed. */
export function isClaim(file: string): boolean {
  return /\.lock(?:\.[0-9a-f]{16})+\.tmp$/.test(file);
}

/**
 * Removes a lock of ours, and closes it. If it cannot be removed, the file says that it is free. `isOurs`: rejects if
 * the path may be another's lock by now. Never rejects.
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

/** Shows that its holder lives: in the file that we hold, whatever has its name by now. */
export async function beat(file: FileHandle): Promise<void> {
  await file.write(HELD, 0);
}

function isAbandoned(holder: Holder, { host, stale }: Claim, now: number): boolean {
  if (holder.free) return true;
  // If it was seen far in the future, the clock was put back, and no sign of life has come since.
  if (Math.abs(now - holder.seen) > stale) return true;
  return holder.host === host && holder.pid !== undefined && isDead(holder.pid);
}

async function holderIn(file: FileHandle): Promise<Holder> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(LONGEST), 0, LONGEST, 0);
  return holderOf(buffer.toString("utf8", 0, bytesRead), await file.stat());
}

/** `undefined`: there is no lock. What cannot be read is judged by its age alone. */
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
    // Another user's lock that we may not read, or something that is not a file at all.
    if (!(error instanceof ForeignFileError) && !isSystemError(error, "EACCES")) throw error;
  }
  const stats = await lstat(path).catch((error: unknown) => {
    if (isSystemError(error, "ENOENT")) return undefined;
    throw error;
  });
  return stats && holderOf("", stats);
}

/** What is not as we write it is judged by its age alone: another program's lock, or what a power loss left of ours. */
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
    // It becomes a part of a file name.
    token: isToken ? token : "unknown",
    // 0 and less would be groups of processes.
    pid: typeof pid === "number" && Number.isInteger(pid) && pid > 0 ? pid : undefined,
    host: typeof host === "string" ? host : undefined,
    free: free && isToken,
    seen,
  };
}
