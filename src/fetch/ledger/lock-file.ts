// A lock file: who has made it holds it. Only one at a time may put another in its place, and only where its holder
// is dead, or has shown no sign of life for long.
import { randomBytes } from "node:crypto";
import { link, open, readFile, readlink, rename, rm, type FileHandle } from "node:fs/promises";
import { hostname } from "node:os";
import { isSystemError } from "../durable.ts";

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
  /** When the file was last written, which is a sign of life; milliseconds since 1970 by the file system's clock. */
  readonly seen: number;
}

/** `undefined`: another holds it. */
export async function acquire(path: string, claim: Claim): Promise<Hold | undefined> {
  const file = await make(path, claim);
  if (file !== undefined) return { file, takenOver: false };
  const holder = await readHolder(path);
  return holder && succeed(path, holder, claim);
}

/**
 * To judge a holder, and to replace it, one has to hold the lock on that: a lock file named after the two, which then
 * is renamed to what it replaces.
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
    await rename(successor, path);
    replaced = true;
    return { file: hold.file, takenOver: true };
  } finally {
    if (!replaced) await unmake(successor, hold.file);
  }
}

/**
 * `undefined`: it is there already. It gets its name when it says whose it is: who dies before that has made nothing
 * but a claim, see {@link isClaim}.
 */
async function make(path: string, claim: Claim): Promise<FileHandle | undefined> {
  const { token, host } = claim;
  const temporary = `${path}.${randomBytes(8).toString("hex")}.tmp`;
  const file = await open(temporary, "wx", 0o600);
  try {
    const since = new Date().toISOString();
    await file.write(`${JSON.stringify({ token, pid: process.pid, host, since })}\n`, 0);
    await link(temporary, path);
    await rm(temporary, { force: true });
    return file;
  } catch (error) {
    await unmake(temporary, file);
    if (isSystemError(error, "EEXIST")) return undefined;
    // Another took our claim for a leftover.
    if (isSystemError(error, "ENOENT")) return make(path, claim);
    throw error;
  }
}

/** Whether a file of this name is what becomes a lock, or was to. Those that still shall are made again when removed. */
export function isClaim(file: string): boolean {
  return /\.lock(?:\.[0-9a-f]{16})+\.tmp$/.test(file);
}

async function unmake(path: string, file: FileHandle): Promise<void> {
  await rm(path, { force: true });
  await file.close();
}

function isAbandoned(holder: Holder, { host, stale }: Claim, now: number): boolean {
  // Where it was seen far in the future, the clock was put back, and no sign of life has come since.
  if (Math.abs(now - holder.seen) > stale) return true;
  return holder.host === host && holder.pid !== undefined && isDead(holder.pid);
}

function isDead(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return isSystemError(error, "ESRCH");
  }
}

/**
 * Where a process id means one process: on a host, from its start on; in containers, which may share its name, within
 * one of them. Hosts may share a name, too.
 */
export async function processSpace(): Promise<string> {
  const [start, namespace] = await Promise.all([
    readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => ""),
    readlink("/proc/self/ns/pid").catch(() => ""),
  ]);
  return [hostname(), start.trim(), namespace].filter((part) => part !== "").join(" ");
}

/** `undefined`: nobody holds it. */
export async function readHolder(path: string): Promise<Holder | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    throw error;
  }
  try {
    return { ...parse(await file.readFile("utf8")), seen: (await file.stat()).mtimeMs };
  } finally {
    await file.close();
  }
}

/** What is not as we write it (its holder has died over that) is judged by its age alone. */
function parse(text: string): Omit<Holder, "seen"> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const { token, pid, host } = (value ?? {}) as Record<string, unknown>;
  return {
    // It becomes a part of a file name.
    token: typeof token === "string" && /^[0-9a-f]{16}$/.test(token) ? token : "unknown",
    // 0 and less would be groups of processes.
    pid: typeof pid === "number" && Number.isInteger(pid) && pid > 0 ? pid : undefined,
    host: typeof host === "string" ? host : undefined,
  };
}
