// An mbox and its lock: who holds the lock knows which messages are in the file, and may append one.
import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Pop3AbortError } from "../../errors.ts";
import { isSystemError } from "../durable.ts";
import { Lock, type LockTimes } from "../ledger/lock.ts";
import { open } from "../patient-fs.ts";
import { isAborted, sleep } from "../sleep.ts";
import { DestinationError } from "./destination-error.ts";
import { fromLines } from "./from-line.ts";
import { append, recover, type Append } from "./mbox-append.ts";
import { removeOld, type SpoolFile } from "./spool-file.ts";

/** Other programs show no sign of life: what they have locked for five minutes is nobody's, as it is the custom. */
const LOCK: LockTimes = { heartbeat: 10_000, stale: 300_000 };

/** Between two looks at a lock that another holds, at first and at last; milliseconds. */
const [SHORTEST, LONGEST] = [50, 1000];

/** What is known of the file that had these properties. */
interface Seen {
  readonly inode: number;
  readonly size: number;
}

export class MboxFile {
  readonly path: string;
  readonly #lockTimeout: number;
  /** What was ever found in it: a message that its reader has deleted was delivered all the same. */
  readonly #keys: Set<string> = new Set();
  #seen: Seen | undefined;
  /** What is done under the lock, one behind the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(path: string, lockTimeout: number) {
    this.path = path;
    this.#lockTimeout = lockTimeout;
  }

  async has(key: string, signal: AbortSignal | undefined): Promise<boolean> {
    if (!this.#isAsSeen(await this.#look())) await this.#locked(signal, async () => {});
    return this.#keys.has(key);
  }

  /** Returns `false` where it is there already. */
  append(key: string, what: Append, spool: SpoolFile, signal: AbortSignal | undefined): Promise<boolean> {
    return this.#locked(signal, async (lock) => {
      if (this.#keys.has(key)) return false;
      await this.#confirm(lock);
      await append(this.path, what, spool.read());
      await this.#confirm(lock);
      this.#keys.add(key);
      this.#seen = await this.#look();
      return true;
    });
  }

  #locked<T>(signal: AbortSignal | undefined, work: (lock: Lock) => Promise<T>): Promise<T> {
    const turn = this.#turn.then(async () => {
      const lock = await this.#lock(signal);
      try {
        if (this.#seen === undefined) await this.#sweep(lock);
        await this.#update();
        return await work(lock);
      } finally {
        await lock.release();
      }
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #lock(signal: AbortSignal | undefined): Promise<Lock> {
    const until = Date.now() + this.#lockTimeout;
    for (let pause = SHORTEST; ; pause = Math.min(LONGEST, pause * 2)) {
      if (isAborted([signal])) throw new Pop3AbortError(signal?.reason);
      const lock = await Lock.take(`${this.path}.lock`, LOCK);
      if (lock !== undefined) return lock;
      if (Date.now() >= until)
        throw new DestinationError(`another program has locked ${this.path}`, { down: true });
      await sleep(Math.min(pause, until - Date.now()), signal);
    }
  }

  /** Whoever sleeps for minutes may wake up without the lock. */
  async #confirm(lock: Lock): Promise<void> {
    try {
      await lock.confirm();
    } catch (cause) {
      throw new DestinationError(`the lock of ${this.path} was lost`, { cause, later: true });
    }
  }

  /** Removes what others have left who died over taking the lock; whoever is about to take it needs no minutes. */
  async #sweep(lock: Lock): Promise<void> {
    const folder = dirname(this.path);
    for (const name of await readdir(folder)) {
      if (lock.isLeftover(name)) await removeOld(join(folder, name), LOCK.stale);
    }
  }

  /** Learns, under the lock, what others have done to the file. */
  async #update(): Promise<void> {
    await recover(this.path);
    const now = await this.#look();
    // What has only grown needs no other look at what was there.
    const from = this.#seen?.inode === now.inode && this.#seen.size <= now.size ? this.#seen.size : 0;
    if (now.size > 0 && !this.#isAsSeen(now)) await this.#findKeys(from);
    this.#seen = now;
  }

  async #findKeys(from: number): Promise<void> {
    const file = await open(this.path, "r");
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
      if (!file.isFile()) throw new DestinationError(`${this.path} is no file`, { down: true });
      return { inode: file.ino, size: file.size };
    } catch (error) {
      if (isSystemError(error, "ENOENT")) return { inode: 0, size: 0 };
      throw error;
    }
  }
}
