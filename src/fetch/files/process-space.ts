// Which processes a process id can name, and whether such a process lives.
import { createHash, randomBytes } from "node:crypto";
import { readFile, readlink } from "node:fs/promises";
import { hostname } from "node:os";
import { isSystemError } from "./fsync.ts";

/**
 * Where a process id means one process: on a host, since its last start; in a container, within that container. Hosts
 * may share a name, and containers may share the name of their host.
 */
export async function processSpace(): Promise<string> {
  const [start, namespace] = await Promise.all([
    readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => ""),
    readlink("/proc/self/ns/pid").catch(() => ""),
  ]);
  return [hostname(), start.trim(), namespace].filter((part) => part !== "").join(" ");
}

/** Whether no process of our {@link processSpace} has this id. */
export function isDead(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // EPERM: it lives, and belongs to another user.
    return isSystemError(error, "ESRCH");
  }
}

/** What {@link processName} gives, as a part of a regular expression. */
export const PROCESS_NAME: string = String.raw`\d+-[0-9a-f]{16}-[0-9a-f]{16}`;

/** A name that no other has, in any process: `<process id>-<where that is one process>-<random>`. */
export async function processName(): Promise<string> {
  return [String(process.pid), await ourSpace(), randomBytes(8).toString("hex")].join("-");
}

/** Whether the process that gave this name is dead. `false` also if it was a process of another {@link processSpace}. */
export async function isNameOfDead(name: string): Promise<boolean> {
  const [pid, space] = name.split("-", 2);
  return space === (await ourSpace()) && isDead(Number(pid));
}

let space: Promise<string> | undefined;

/** Host names may be long, and have any character. */
function ourSpace(): Promise<string> {
  space ??= processSpace().then((name) => createHash("sha256").update(name).digest("hex").slice(0, 16));
  return space;
}
