// All that a server writes lies in one directory, which goes with it.
import { chmodSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Starts something in a new directory that every user can look into. If that fails, the directory is gone again. */
export async function inDirectory<T>(name: string, start: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), `popwright-${name}-`));
  try {
    // mkdtemp keeps everybody else out, the servers' own users too.
    chmodSync(directory, 0o755);
    return await start(directory);
  } catch (error) {
    await removeDirectory(directory);
    throw error;
  }
}

/** Removes a server's directory; again, if a session that was just killed had something left to write. */
export async function removeDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
}
