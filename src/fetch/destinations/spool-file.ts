// A message on its way into a directory: a hidden file of its own until it is whole, then one more name for it, at once.
import { readdir, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { isSystemError, syncName } from "../files/fsync.ts";
import { notRegular, removeName } from "../files/own-file.ts";
import { link, lstat, open, rename, rm } from "../files/patient-fs.ts";
import { isNameOfDead, PROCESS_NAME, processName } from "../files/process-space.ts";
import type { DeliveryWriter } from "./destination.ts";
import { DestinationError } from "./destination-error.ts";

/** What a crash left, and nobody can tell whose it was, is swept after so many milliseconds: 36 hours, as for every Maildir. */
const ABANDONED = 36 * 60 * 60 * 1000;

/** `.<key>.popwright-<name of its process>` */
const NAME = new RegExp(String.raw`^\.[0-9a-f]{64}\.popwright-(${PROCESS_NAME})$`);

/** Octets that are read at a time. */
const BLOCK = 256 * 1024;

export class SpoolFile {
  readonly #path: string;
  readonly #file: FileHandle;
  #open = true;
  #length = 0;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** Makes a file in a directory, readable for its owner only. */
  static async create(directory: string, key: string): Promise<SpoolFile> {
    const path = join(directory, `.${key}.popwright-${await processName()}`);
    return new SpoolFile(path, await open(path, "wx+", 0o600));
  }

  /** Appends. The position of the descriptor stays at the start of the file. */
  async write(octets: Buffer): Promise<void> {
    for (let at = 0; at < octets.length;) {
      const { bytesWritten } = await this.#file.write(octets, at, octets.length - at, this.#length);
      at += bytesWritten;
      this.#length += bytesWritten;
    }
  }

  /** Reads what was written. A piece is good until the next. */
  async *read(): AsyncGenerator<Buffer, void> {
    const block = Buffer.allocUnsafe(BLOCK);
    for (let at = 0; ;) {
      const { bytesRead } = await this.#file.read(block, 0, BLOCK, at);
      if (bytesRead === 0) return;
      yield block.subarray(0, bytesRead);
      at += bytesRead;
    }
  }

  /** What a program is given as standard input. It reads from the start. */
  get descriptor(): number {
    return this.#file.fd;
  }

  /** Takes the name of the file away: it is gone once every process that has it open has closed it or died. */
  async detach(): Promise<void> {
    // Some systems cannot do that while the file is open: then `discard` removes it, or the next sweep.
    await rm(this.#path, { force: true }).catch(() => undefined);
  }

  /** Resolves when what was written will outlast a crash. */
  async sync(): Promise<void> {
    await this.#file.sync();
  }

  /**
   * Gives the file its name, and resolves when both will outlast a crash. Returns whether it is new: a message that has
   * the name already stays. If this rejects after the name was given, the file stays, too: a reader may have seen it.
   */
  async publish(path: string): Promise<boolean> {
    await this.#file.sync();
    await this.#close();
    const isNew = (await makeLink(this.#path, path)) || (await this.#replaceEmpty(path));
    // The name may be another process's, which has not synced it yet.
    await syncName(path);
    return isNew;
  }

  /**
   * Takes the place of an empty file, which holds no mail: a file system check, or a backup that was restored, leaves
   * such. Returns whether it has.
   */
  async #replaceEmpty(path: string): Promise<boolean> {
    const octets = await octetsIn(path);
    if (octets === undefined)
      // A reader has moved it. The next time it is looked for everywhere.
      throw new DestinationError(`${path} was moved while a message was delivered`, { later: true });
    if (octets > 0 || this.#length === 0) return false;
    await rename(this.#path, path);
    return true;
  }

  /** Removes it. Never rejects: what cannot be removed is swept some day. */
  async discard(): Promise<void> {
    await this.#close().catch(() => undefined);
    await rm(this.#path, { force: true }).catch(() => undefined);
  }

  async #close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#file.close();
  }
}

/** Writes to a spool file, which is published as `path` unless the message was met elsewhere in the meantime. */
export function writerTo(
  path: string,
  file: SpoolFile,
  isElsewhere: () => Promise<boolean> = () => Promise.resolve(false),
): DeliveryWriter {
  return {
    write: (octets) => file.write(octets),
    async commit() {
      try {
        if (await isElsewhere()) return "known";
        return (await file.publish(path)) ? "new" : "known";
      } finally {
        await file.discard();
      }
    },
    abort: () => file.discard(),
  };
}

async function makeLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (isSystemError(error, "EEXIST")) return false;
    throw error;
  }
}

/**
 * The size of the message that is there under this name; `undefined` if nothing is there. Rejects with
 * {@link DestinationError} if it is not a regular file. An empty file is not taken for a message.
 */
export async function octetsIn(path: string): Promise<number | undefined> {
  try {
    const stats = await lstat(path);
    if (stats.isFile()) return stats.size;
    // It says nothing against the message, and other messages have other names.
    throw new DestinationError(notRegular(path, stats).message, { later: true });
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Whether a message is there under this name, see {@link octetsIn}; it will outlast a crash then. */
export async function isThere(path: string): Promise<boolean> {
  if (((await octetsIn(path)) ?? 0) === 0) return false;
  // The process that made it may have died before it was certain.
  await syncName(path);
  return true;
}

/**
 * Removes the files of processes that died, and of others what is old: never what another process may be writing. What
 * cannot be removed stays: in a shared directory it may be another user's.
 */
export async function sweep(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const writer = NAME.exec(name)?.[1];
    if (writer === undefined) continue;
    const path = join(directory, name);
    await ((await isNameOfDead(writer)) ? removeName(path) : removeOld(path, ABANDONED)).catch(
      () => undefined,
    );
  }
}

/** Removes a file to which no process has written for `age` milliseconds. */
export async function removeOld(path: string, age: number): Promise<void> {
  try {
    if (Date.now() - (await lstat(path)).mtimeMs > age) await removeName(path);
  } catch (error) {
    // The process that has made it has removed it.
    if (!isSystemError(error, "ENOENT")) throw error;
  }
}
