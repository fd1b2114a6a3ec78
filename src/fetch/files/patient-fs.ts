// The calls of the file system that the ledger and the destinations make. On Windows those that open, link, rename or
// remove a file are repeated for some seconds, because they fail while another program has the file open.
import type { BigIntStats, Stats } from "node:fs";
import * as fs from "node:fs/promises";

export { constants } from "node:fs";
export { readdir, realpath, stat } from "node:fs/promises";

/**
 * The error codes of Windows while a virus scanner, a search indexer or a backup has a new file open. The
 * first two can also mean "no permission": then the same error comes a few seconds later.
 */
export const HELD: ReadonlySet<unknown> = new Set(["EPERM", "EACCES", "EBUSY"]);

/** The pauses between the tries; milliseconds. Scanners take a fraction of a second. The sum is 5 s. */
const PAUSES: readonly number[] = [10, 20, 40, 80, 150, 300, 600, 900, 1300, 1600];

export interface Surroundings {
  /** Whether to repeat calls. @default true on Windows */
  readonly isWindows?: boolean;
  /** Resolves after this number of milliseconds. */
  readonly pause?: (milliseconds: number) => Promise<unknown>;
}

/** Repeats a call while another program may hold the file, on Windows only. Rejects with the last error. */
export async function patiently<T>(
  call: () => Promise<T>,
  { isWindows = process.platform === "win32", pause = wait }: Surroundings = {},
): Promise<T> {
  if (!isWindows) return call();
  for (const milliseconds of PAUSES) {
    try {
      return await call();
    } catch (error) {
      if (!HELD.has((error as NodeJS.ErrnoException).code)) throw error;
    }
    await pause(milliseconds);
  }
  return call();
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

export const link: typeof fs.link = (existing, path) => patiently(() => fs.link(existing, path));

/** This call also fails while a removed file is still open: its name stays taken until then. */
export const lstat = (path: string): Promise<Stats> => patiently(() => fs.lstat(path));

/** The same with exact numbers: the inode and the time in nanoseconds need more than 53 bits. */
export const lstatExactly = (path: string): Promise<BigIntStats> =>
  patiently(() => fs.lstat(path, { bigint: true }));

export const open: typeof fs.open = (path, flags, mode) => patiently(() => fs.open(path, flags, mode));

export const rename: typeof fs.rename = (from, to) => patiently(() => fs.rename(from, to));

export const rm: typeof fs.rm = (path, options) => patiently(() => fs.rm(path, options));

export const unlink: typeof fs.unlink = (path) => patiently(() => fs.unlink(path));
