// What may lie under a name that we use: everything that another user, a backup or a mistake can put there.
import { execFileSync } from "node:child_process";
import { link, lutimes, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** A file of the user that has nothing to do with mail. */
const PRECIOUS = "precious: no program of mail may change this\n";

export type Obstacle =
  "a FIFO" | "a symbolic link" | "a dangling symbolic link" | "a hard link" | "a directory" | "an empty file";

type Placing = (path: string, precious: string) => unknown;

export const OBSTACLES: Readonly<Record<Obstacle, Placing>> = {
  "a FIFO": (path) => execFileSync("mkfifo", [path]),
  "a symbolic link": (path, precious) => symlink(precious, path),
  "a dangling symbolic link": (path) => symlink(`${path}-that-is-not-there`, path),
  "a hard link": (path, precious) => link(precious, path),
  "a directory": (path) => mkdir(path),
  "an empty file": (path) => writeFile(path, ""),
};

export const obstacles: readonly Obstacle[] = Object.keys(OBSTACLES) as Obstacle[];

/** Puts it there, `age` milliseconds old. Returns how to check that the target of a link is untouched. */
export async function place(
  obstacle: Obstacle,
  path: string,
  age = 0,
): Promise<() => Promise<{ readonly isUntouched: boolean }>> {
  const precious = join(dirname(path), "precious");
  await writeFile(precious, PRECIOUS);
  await OBSTACLES[obstacle](path, precious);
  const seen = new Date(Date.now() - age);
  await lutimes(path, seen, seen);
  return async () => ({ isUntouched: (await readFile(precious, "utf8")) === PRECIOUS });
}
