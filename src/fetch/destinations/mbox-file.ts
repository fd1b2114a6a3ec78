// An mbox and its lock. The holder of the lock knows which messages are in the file, and may append one.
import { dirname, join } from "node:path";
import { isSystemError } from "../files/fsync.ts";
import { Lock, type LockTimes } from "../files/lock.ts";
import { ForeignFileError, notRegular, type OurFile } from "../files/own-file.ts";
import { throwIfAborted } from "../../net/failures.ts";
import { sleep } from "../../net/settle.ts";
import { DestinationError } from "./destination-error.ts";
import { fromLines } from "./from-line.ts";
import { append, type MboxLock, type Seen } from "./mbox-append.ts";
import type { Append } from "./mbox-note.ts";
import { openMbox } from "./mbox-open.ts";
import { recover } from "./mbox-recovery.ts";
import { removeOld, type SpoolFile } from "./spool-file.ts";
import { printable } from "../../protocol/printable.ts";
import { wallTime } from "../../system/clock.ts";
import { constants, readdir, stat } from "../files/patient-fs.ts";

/** Other programs do not renew their locks. By convention, a lock that is five minutes old is abandoned. */
const LOCK: LockTimes = { heartbeat: 10_000, stale: 300_000 };

/**
 * The shortest and the longest pause between two checks of a lock that another program holds; milliseconds.
 */
const [SHORTEST, LONGEST] = [50, 1000];

export class MboxFile {
  readonly path: string;
  readonly #lockTimeout: number;
  /** All keys that were ever found in it. A message that a mail reader has deleted counts as delivered. */
  readonly #keys: Set<string> = new Set();
  #seen: Seen | undefined;
  /** The last task under the lock. Tasks run one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(path: string, lockTimeout: number) {
    this.path = path;
    this.#lockTimeout = lockTimeout;
  }

  async has(key: string, signal: AbortSignal | undefined): Promise<boolean> {
    if (!this.#isAsSeen(await explained(() => this.#look()))) await this.#locked(signal, async () => {});
    return this.#keys.has(key);
  }

  /** Appends a message. Returns `false` if it is already there. */
  append(key: string, what: Append, spool: SpoolFile, signal: AbortSignal | undefined): Promise<boolean> {
    return this.#locked(signal, async (lock) => {
      if (this.#keys.has(key)) return false;
      this.#seen = await append(this.path, lock, what, spool.read());
      this.#keys.add(key);
      return true;
    });
  }

  #locked<T>(signal: AbortSignal | undefined, work: (lock: MboxLock) => Promise<T>): Promise<T> {
    const task = this.#last.then(() => explained(() => this.#underLock(signal, work)));
    this.#last = task.catch(() => undefined);
    return task;
  }

  async #underLock<T>(signal: AbortSignal | undefined, work: (lock: MboxLock) => Promise<T>): Promise<T> {
    const lock = await this.#lock(signal);
    try {
      const held: MboxLock = { ours: lock.ours, confirm: () => this.#confirm(lock) };
      const names = await readdir(dirname(this.path));
      if (this.#seen === undefined) await this.#sweep(lock, names);
      await this.#update(held, names);
      return await work(held);
    } finally {
      await lock.release();
    }
  }

  async #lock(signal: AbortSignal | undefined): Promise<Lock> {
    const until = wallTime() + this.#lockTimeout;
    for (let pause = SHORTEST; ; pause = Math.min(LONGEST, pause * 2)) {
      throwIfAborted(signal);
      const lock = await Lock.take(`${this.path}.lock`, LOCK);
      if (lock !== undefined) return lock;
      if (wallTime() >= until)
        throw new DestinationError(`another program has locked ${printable(this.path)}`, { down: true });
      await sleep(Math.min(pause, until - wallTime()), signal);
    }
  }

  /** Confirms the lock: a process that has slept for minutes may have lost it. */
  async #confirm(lock: Lock): Promise<void> {
    try {
      await lock.confirm();
    } catch (cause) {
      // A disk that fails says nothing about the lock, and would fail the next message, too.
      if (lock.failure === undefined) throw cause;
      throw new DestinationError(`the lock of ${printable(this.path)} was lost`, { cause, later: true });
    }
  }

  /**
   * Removes the files of processes that died while they took the lock. A living process needs less than these
   * minutes for that.
   */
  async #sweep(lock: Lock, names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (lock.isLeftover(name)) await removeOld(join(dirname(this.path), name), LOCK.stale);
    }
  }

  /** Reads, under the lock, the changes of other programs. */
  async #update(lock: MboxLock, names: readonly string[]): Promise<void> {
    await recover(this.path, names, lock);
    const now = await this.#look();
    // If the file has only grown, only its new part is read.
    const from = this.#seen?.inode === now.inode && this.#seen.size <= now.size ? this.#seen.size : 0;
    if (now.size > 0 && !this.#isAsSeen(now)) await this.#findKeys(from, lock.ours);
    this.#seen = now;
  }

  async #findKeys(from: number, ours: OurFile): Promise<void> {
    const file = await openMbox(this.path, constants.O_RDONLY, ours);
    if (file === undefined) return;
    try {
      for await (const { key } of fromLines(file, from)) if (key !== undefined) this.#keys.add(key);
    } finally {
      await file.close();
    }
  }

  #isAsSeen({ inode, size }: Seen): boolean {
    return this.#seen?.inode === inode && this.#seen.size === size;
  }

  async #look(): Promise<Seen> {
    try {
      const file = await stat(this.path);
      if (!file.isFile()) throw notRegular(this.path, file);
      return { inode: file.ino, size: file.size };
    } catch (error) {
      if (isSystemError(error, "ENOENT")) return { inode: 0, size: 0 };
      throw error;
    }
  }
}

/** Converts errors about a foreign file. No message is blamed for them. */
async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof ForeignFileError) throw new DestinationError(cause.message, { cause, down: true });
    throw cause;
  }
}
