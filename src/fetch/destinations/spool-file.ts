// A message on its way into a directory: a hidden file of its own until it is whole, then one more name for it, at once.
import { createHash, randomBytes } from "node:crypto";
import { link, open, readdir, rm, stat, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isSystemError, syncDirectory } from "../durable.ts";
import { processSpace } from "../ledger/lock-file.ts";
import type { DeliveryWriter } from "./destination.ts";

/** What a crash left, and nobody can tell whose it was, is swept after so many milliseconds: 36 hours, as for every Maildir. */
const ABANDONED = 36 * 60 * 60 * 1000;

/** `.<key>.popwright-<process id>-<where that is one process>-<random>` */
const NAME = /^\.[0-9a-f]{64}\.popwright-(\d+)-([0-9a-f]{16})-[0-9a-f]{16}$/;

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
    const unique = randomBytes(8).toString("hex");
    const path = join(directory, `.${key}.popwright-${String(process.pid)}-${await ourSpace()}-${unique}`);
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
   * Gives the file its name, and resolves when both will outlast a crash. Returns whether it is new: a file that has
   * the name already stays. Should it reject when the name was given, the file stays, too: somebody may have met it.
   */
  async publish(path: string): Promise<boolean> {
    await this.#file.sync();
    await this.#close();
    const isNew = await makeLink(this.#path, path);
    // The name may be another's, who has not synced it yet.
    await syncDirectory(dirname(path));
    return isNew;
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

/** Whether there is a file of this name; it will outlast a crash then. */
export async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return false;
    throw error;
  }
  // Whoever made it may have died before it was certain.
  await syncDirectory(dirname(path));
  return true;
}

/**
 * Removes the files of processes that died, and of others what is old: never what another process may be writing. What
 * cannot be removed stays: in a shared directory it may be another user's.
 */
export async function sweep(directory: string): Promise<void> {
  const here = await ourSpace();
  for (const name of await readdir(directory)) {
    const match = NAME.exec(name);
    if (match === null) continue;
    const [, pid, space] = match;
    const path = join(directory, name);
    const dead = space === here && !isAlive(Number(pid));
    await (dead ? rm(path, { force: true }) : removeOld(path, ABANDONED)).catch(() => undefined);
  }
}

let space: Promise<string> | undefined;

/** Where our process id is ours: host names may be long, and have any character. */
function ourSpace(): Promise<string> {
  space ??= processSpace().then((name) => createHash("sha256").update(name).digest("hex").slice(0, 16));
  return space;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's is alive all the same.
    return isSystemError(error, "EPERM");
  }
}

/** Removes a file that nobody has written to for so many milliseconds. */
export async function removeOld(path: string, age: number): Promise<void> {
  try {
    if (Date.now() - (await stat(path)).mtimeMs > age) await rm(path, { force: true });
  } catch (error) {
    // Whoever has made it has removed it.
    if (!isSystemError(error, "ENOENT")) throw error;
  }
}
