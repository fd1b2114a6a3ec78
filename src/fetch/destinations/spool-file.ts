// A message while it is written into a directory: first a hidden file, which gets its visible name in one
// step when it is complete.
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { isSystemError } from "../files/fsync.ts";
import { notRegular, removeName } from "../files/own-file.ts";
import { link, lstat, open, readdir, rename, unlink } from "../files/patient-fs.ts";
import { isNameOfDead, PROCESS_NAME, processName } from "../files/process-space.ts";
import { DestinationError } from "./destination-error.ts";
import { printable } from "../../protocol/printable.ts";
import { wallTime } from "../../system/clock.ts";

/**
 * The age at which a file of an unknown process is swept; milliseconds. 36 hours is the rule for every
 * Maildir.
 */
const ABANDONED = 36 * 60 * 60 * 1000;

/** `.<key>.popwright-<name of its process>` */
const NAME = new RegExp(String.raw`^\.[0-9a-f]{64}\.popwright-(${PROCESS_NAME})$`);

/** How much is read at a time; octets. */
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

  /** Creates a file in a directory, readable for its owner only. */
  static async create(directory: string, key: string): Promise<SpoolFile> {
    const path = join(directory, `.${key}.popwright-${await processName()}`);
    return new SpoolFile(path, await open(path, "wx+", 0o600));
  }

  /** Appends the pieces. The position of the descriptor stays at the start of the file. */
  async write(pieces: readonly Buffer[]): Promise<void> {
    for (let left = pieces; left.length > 0;) {
      const [first] = left as [Buffer];
      const { bytesWritten } = await (left.length === 1
        ? this.#file.write(first, 0, first.length, this.#length)
        : this.#file.writev(left, this.#length));
      this.#length += bytesWritten;
      left = without(left, bytesWritten);
    }
  }

  /** Reads the content. A piece is valid until the next one is read. */
  async *read(): AsyncGenerator<Buffer, void> {
    const block = Buffer.allocUnsafe(BLOCK);
    for (let at = 0; ;) {
      const { bytesRead } = await this.#file.read(block, 0, BLOCK, at);
      if (bytesRead === 0) return;
      yield block.subarray(0, bytesRead);
      at += bytesRead;
    }
  }

  /** The file descriptor for the standard input of a program, which reads from the start. */
  get descriptor(): number {
    return this.#file.fd;
  }

  /**
   * Removes the name of the file. The file is deleted once every process that has it open has closed it or
   * died.
   */
  async detach(): Promise<void> {
    // Some systems cannot do that while the file is open. Then `discard` or the next sweep removes the file.
    await unlink(this.#path).catch(() => undefined);
  }

  /** Resolves when the content will survive a crash. */
  async sync(): Promise<void> {
    await this.#file.sync();
  }

  /** Resolves when the content will survive a crash. Nothing can be written or read after that. */
  async store(): Promise<void> {
    await this.#file.datasync();
    await this.#close();
  }

  /**
   * Gives the stored file its name, which is not durable yet. Returns `false` if something else has this name:
   * it stays as it is.
   */
  async link(path: string): Promise<boolean> {
    try {
      await link(this.#path, path);
      return true;
    } catch (error) {
      if (isSystemError(error, "EEXIST")) return false;
      throw error;
    }
  }

  /**
   * Replaces an empty file, which holds no mail: a file system check or a restored backup may leave one.
   * Returns whether it did.
   */
  async replaceEmpty(path: string): Promise<boolean> {
    const octets = await octetsIn(path);
    if (octets === undefined)
      // A mail reader has moved it. The next try looks for it everywhere.
      throw new DestinationError(`${printable(path)} was moved while a message was delivered`, {
        later: true,
      });
    if (octets > 0 || this.#length === 0) return false;
    await rename(this.#path, path);
    return true;
  }

  /** Removes the file. Never rejects: a later sweep removes what cannot be removed now. */
  async discard(): Promise<void> {
    await this.#close().catch(() => undefined);
    await unlink(this.#path).catch(() => undefined);
  }

  async #close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#file.close();
  }
}

/** Returns the pieces without their first octets: a full disk may take only a part. */
function without(pieces: readonly Buffer[], octets: number): Buffer[] {
  let skip = octets;
  return pieces.flatMap((piece) => {
    const rest = piece.subarray(skip);
    skip = Math.max(0, skip - piece.length);
    return rest.length > 0 ? [rest] : [];
  });
}

/**
 * Returns the size of the message with this name, or `undefined` if there is none. Rejects with
 * {@link DestinationError} if it is not a regular file. Callers do not count an empty file as a message.
 */
export async function octetsIn(path: string): Promise<number | undefined> {
  try {
    const stats = await lstat(path);
    if (stats.isFile()) return stats.size;
    // The message is not the cause, and other messages have other names.
    throw new DestinationError(notRegular(path, stats).message, { later: true });
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * Removes the files of dead processes, and old files of processes that it cannot check. It never removes a
 * file that another process may be writing. A file that cannot be removed stays: in a shared directory it may
 * belong to another user. Returns the names that it has read.
 */
export async function sweep(directory: string): Promise<string[]> {
  const names = await readdir(directory);
  for (const name of names) {
    const writer = NAME.exec(name)?.[1];
    if (writer === undefined) continue;
    const path = join(directory, name);
    await ((await isNameOfDead(writer)) ? removeName(path) : removeOld(path, ABANDONED)).catch(
      () => undefined,
    );
  }
  return names;
}

/** Removes a file to which no process has written for `age` milliseconds. */
export async function removeOld(path: string, age: number): Promise<void> {
  try {
    if (wallTime() - (await lstat(path)).mtimeMs > age) await removeName(path);
  } catch (error) {
    // The process that created it has removed it.
    if (!isSystemError(error, "ENOENT")) throw error;
  }
}
