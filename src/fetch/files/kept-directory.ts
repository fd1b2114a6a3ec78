// Makes the names in one directory durable again and again. The directory stays open in between, so that a sync
// needs no other call than a look at whether it still is the same directory.
import type { BigIntStats } from "node:fs";
import { stat, type FileHandle } from "node:fs/promises";
import { syncOpenDirectory } from "./fsync.ts";
import { open } from "./patient-fs.ts";

/** The directory is closed after this time without a sync; milliseconds. */
const IDLE = 1000;

/** Not for Windows, which cannot sync a directory. There `syncName` makes the name of each file durable. */
export class KeptDirectory {
  readonly path: string;
  #kept: { readonly file: FileHandle; readonly is: BigIntStats } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** Makes all names in the directory durable. Calls must not overlap. */
  async sync(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      await syncOpenDirectory(await this.#file());
    } finally {
      // It does not keep the process alive: what is open then, the system closes.
      this.#timer = setTimeout(() => void this.close(), IDLE).unref();
    }
  }

  /** Closes the directory. The next sync opens it again. Never rejects. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const kept = this.#kept;
    this.#kept = undefined;
    await kept?.file.close().catch(() => undefined);
  }

  /** Returns the open directory. Opens it again if another directory has its name by now. */
  async #file(): Promise<FileHandle> {
    if (this.#kept !== undefined) {
      const now = await stat(this.path, { bigint: true });
      const { file, is } = this.#kept;
      if (now.ino === is.ino && now.dev === is.dev) return file;
      await this.close();
    }
    const file = await open(this.path, "r");
    try {
      this.#kept = { file, is: await file.stat({ bigint: true }) };
    } catch (error) {
      await file.close();
      throw error;
    }
    return file;
  }
}
