// Tells which processes a process id can name, and whether such a process is alive.
import { createHash, randomBytes } from "node:crypto";
import { readlink } from "node:fs/promises";
import { hostname } from "node:os";
import { isSystemError } from "./fsync.ts";
import { readFile } from "./read-whole.ts";

let space: Promise<string> | undefined;

/**
 * Names the space in which a process id means one process: a host since its last start, or a container. The
 * host name alone is not enough: hosts may share a name, and containers may share the name of their host. A
 * process stays in its space, so the name is read once.
 */
export function processSpace(): Promise<string> {
  return (space ??= readSpace());
}

async function readSpace(): Promise<string> {
  const [start, namespace] = await Promise.all([
    readFile("/proc/sys/kernel/random/boot_id").catch(() => ""),
    readlink("/proc/self/ns/pid").catch(() => ""),
  ]);
  return [hostname(), start.toString("latin1").trim(), namespace].filter((part) => part !== "").join(" ");
}

/** Tells whether no process of our {@link processSpace} has this id. */
export function isDead(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // EPERM: the process is alive, and belongs to another user.
    return isSystemError(error, "ESRCH");
  }
}

/** The pattern of {@link processName}, as a part of a regular expression. */
export const PROCESS_NAME: string = String.raw`\d+-[0-9a-f]{16}-[0-9a-f]{16}`;

/** The last number in a name. It begins at random, because a later process may have the same id. */
let last: bigint | undefined;

/** Returns a name that is unique among all processes: `<process id>-<digest of its space>-<number>`. */
export async function processName(): Promise<string> {
  last = BigInt.asUintN(64, (last ?? randomBytes(8).readBigUInt64LE()) + 1n);
  const number = last.toString(16).padStart(16, "0");
  return [String(process.pid), await ourSpace(), number].join("-");
}

/**
 * Tells whether the process that created this name is dead. `false` also if that was a process of another
 * {@link processSpace}.
 */
export async function isNameOfDead(name: string): Promise<boolean> {
  const [pid, space] = name.split("-", 2);
  return space === (await ourSpace()) && isDead(Number(pid));
}

let digest: Promise<string> | undefined;

/** A digest, because host names may be long and have any character. */
function ourSpace(): Promise<string> {
  digest ??= processSpace().then((name) => createHash("sha256").update(name).digest("hex").slice(0, 16));
  return digest;
}
