// A lock that this process holds. The lock renews itself, and detects that it is lost: another process has taken it
// over, or it was not renewed in time.
import { randomBytes } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { basename } from "node:path";
import { printable } from "../../protocol/printable.ts";
import { nextFence } from "./fence.ts";
import { isSystemError } from "./fsync.ts";
import { acquire, beat, giveUp, isAbandoned, readHolder, type Hold } from "./lock-file.ts";
import { between, moment, type Moment } from "./moment.ts";
import type { OurFile } from "./own-file.ts";
import { lstatExactly } from "./patient-fs.ts";
import { processSpace } from "./process-space.ts";
import { wallTime } from "../../system/clock.ts";

/** The times of a lock; milliseconds. */
export interface LockTimes {
  /** How often the holder renews the lock. */
  readonly heartbeat: number;
  /** The age at which a lock that was not renewed may be taken over. */
  readonly stale: number;
}

export interface LockOptions extends LockTimes {
  /** Makes the error of a lock that is lost. @default an `Error` */
  readonly lostError?: (message: string) => Error;
  /** Whether the lock is on a disk of this host alone, see {@link isOnLocalDisk}. @default false */
  readonly isLocal?: boolean;
}

export class Lock {
  readonly path: string;
  /** Whether it replaced a lock that its former holder had not removed. */
  readonly takenOver: boolean;
  /** Whether the former holder had not released it, either: its process has died, or is too slow. */
  readonly fromCrash: boolean;
  /** Grows each time when the lock is taken, see {@link nextFence}. */
  readonly fence: bigint;
  /** The owner and the permissions of our files in this directory. */
  readonly ours: OurFile;
  /** See {@link LockOptions.isLocal}. */
  readonly isLocal: boolean;
  /**
   * Whether {@link release} leaves the file, marked as released: then the next holder has {@link takenOver}. For a holder
   * that leaves files which the next one must not continue. `false` at first.
   */
  leavesFile = false;
  readonly #token: string;
  readonly #hold: Hold;
  readonly #options: LockOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #lost: AbortController = new AbortController();
  /** When the lock was last renewed. */
  #renewed: Moment;
  /** When the lock was last confirmed to be ours. */
  #confirmed: Moment;
  #beating: Promise<void> = Promise.resolve();
  #failure: Error | undefined;
  /** Whether another process has the lock. */
  #isTaken = false;

  private constructor(path: string, hold: Hold, token: string, taken: Moment, options: LockOptions) {
    this.path = path;
    this.takenOver = hold.takenOver;
    this.fromCrash = hold.fromCrash;
    this.fence = hold.fence;
    this.ours = { uid: Number(hold.stats.uid), mode: Number(hold.stats.mode) };
    this.isLocal = options.isLocal === true;
    this.#token = token;
    this.#hold = hold;
    this.#options = options;
    this.#renewed = this.#confirmed = taken;
    this.#timer = setInterval(() => {
      // Not after the beat before: that one may wait for a disk that does not answer.
      this.#expire();
      this.#beating = this.#beating.then(() => this.#beat());
    }, options.heartbeat).unref();
  }

  /** Takes the lock. Returns `undefined` if another process holds it. Rejects with system errors. */
  static async take(path: string, options: LockOptions): Promise<Lock | undefined> {
    const token = randomBytes(8).toString("hex");
    const host = await processSpace();
    // From here on, because this process may be stopped before it knows that it holds the lock.
    const taken = moment();
    const hold = await acquire(path, { token, host, stale: options.stale, fence: nextFence() });
    const lock = hold && new Lock(path, hold, token, taken, options);
    // If this process was stopped meanwhile, another one may have it by now.
    if (lock !== undefined) lock.#expire();
    return lock;
  }

  /** Tells whether a process holds the lock now. Changes nothing. Rejects with system errors. */
  static async isHeld(path: string, { stale }: LockTimes): Promise<boolean> {
    const holder = await readHolder(path);
    return holder !== undefined && !isAbandoned(holder, { host: await processSpace(), stale }, wallTime());
  }

  /** Aborted when the lock is lost. The reason is {@link failure}. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** The error, once it is known that the lock is lost. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /**
   * Checks that this process still holds the lock. Rejects with {@link failure} if another process has taken it
   * over, or if it was not renewed in time: another process may take it over at any moment then.
   */
  async confirm(): Promise<void> {
    this.#expire();
    const now = moment();
    if (this.#failure === undefined && !(await this.#isOurs())) {
      this.#isTaken = true;
      this.#lose("the lock was taken over by another run");
    }
    // Reading may have taken long.
    this.#expire();
    if (this.#failure !== undefined) throw this.#failure;
    this.#confirmed = now;
  }

  /**
   * Confirms the lock, unless that was done within the last heartbeat. If the process was stopped, or the
   * machine slept, it learns here that it has lost the lock.
   */
  async confirmIfOld(): Promise<void> {
    this.#expire();
    if (this.#failure !== undefined) throw this.#failure;
    if (between(this.#confirmed, moment()) <= this.#options.heartbeat) return;
    await this.#renew();
    await this.confirm();
  }

  /**
   * Releases the lock. Never rejects. If the file cannot be removed, or if {@link leavesFile} is set, it is marked as
   * released. If that fails, too, another process can take it over once it is stale. `isConfirmed`: the caller has
   * confirmed the lock a moment ago.
   */
  async release(isConfirmed = false): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
    const isOurs =
      isConfirmed ||
      (await this.confirm().then(
        () => true,
        () => false,
      ));
    // Nothing may change in the lock of another process.
    if (this.#isTaken) await this.#hold.file.close().catch(() => undefined);
    else await giveUp(this.path, this.#hold.file, isOurs && !this.leavesFile);
  }

  /**
   * Tells whether a file of this name was left by a process that died while it took over the lock from a
   * former holder.
   */
  isLeftover(name: string): boolean {
    const prefix = `${basename(this.path)}.`;
    return name.startsWith(prefix) && !name.startsWith(`${prefix}${this.#token}`);
  }

  /** Tells whether the path is still our lock file. */
  async #isOurs(): Promise<boolean> {
    // As long as our file is open, no other one has its inode.
    if (this.isLocal && isSame(await lookAt(this.path), this.#hold.stats)) return true;
    const holder = await readHolder(this.path);
    if (holder?.token === this.#token && holder.fence === this.fence) return true;
    // Nothing was read, and it still is the file that we hold: that says nothing about the lock.
    if (holder?.isUnread === true && isSame(await lookAt(this.path), this.#hold.stats))
      throw Object.assign(new Error(`EACCES: cannot read ${printable(this.path)}`), { code: "EACCES" });
    return false;
  }

  /** Renews and confirms the lock. Never rejects: the next record reports the failure. */
  async #beat(): Promise<void> {
    if (this.#failure !== undefined) return;
    try {
      await this.#renew();
      await this.confirm();
    } catch {
      // See above.
    }
  }

  /**
   * Writes through our own descriptor, not by path: the path may be another process's lock by now, and its
   * time must not be renewed.
   */
  async #renew(): Promise<void> {
    const now = moment();
    await beat(this.#hold.file);
    this.#renewed = now;
  }

  /** Gives the lock up if another process may have taken it over, because it was not renewed in time. */
  #expire(): void {
    const { stale } = this.#options;
    if (between(this.#renewed, moment()) > stale)
      this.#lose(`the lock was not renewed within ${String(stale)} ms, another run may hold it by now`);
  }

  #lose(message: string): void {
    if (this.#failure !== undefined) return;
    const { lostError = (text: string): Error => new Error(text) } = this.#options;
    this.#failure = lostError(`${message}: ${printable(this.path)}`);
    this.#lost.abort(this.#failure);
  }
}

/** Another process replaces a lock file, and does not write into it. If a person does, the size tells. */
type Identity = Pick<BigIntStats, "ino" | "dev" | "size">;

function isSame(a: Identity | undefined, b: Identity): boolean {
  return a?.ino === b.ino && a.dev === b.dev && a.size === b.size;
}

async function lookAt(path: string): Promise<Identity | undefined> {
  try {
    return await lstatExactly(path);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    throw error;
  }
}
