// Lock files of other processes: living, dead, or silent for some time.
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { utimes } from "node:fs/promises";
import { processSpace } from "../../src/fetch/files/process-space.ts";

/** Of a process that has ended. */
export function deadPid(): number {
  return spawnSync(process.execPath, ["--version"]).pid;
}

export interface LockFields {
  /** @default ours */
  readonly pid?: unknown;
  /** @default this one */
  readonly host?: unknown;
  /** @default a new one */
  readonly token?: unknown;
}

/** What is in a lock file. */
export async function lockText({ pid = process.pid, host, token }: LockFields = {}): Promise<string> {
  return JSON.stringify({
    token: token ?? randomBytes(8).toString("hex"),
    pid,
    host: host ?? (await processSpace()),
  });
}

/** The last sign of life at this lock is as old as that; milliseconds. */
export async function silence(path: string, age: number): Promise<void> {
  const seen = new Date(Date.now() - age);
  await utimes(path, seen, seen);
}
