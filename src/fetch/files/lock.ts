// A lock that this process holds. The lock renews itself, and detects that another process has taken it over.
import { randomBytes } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { basename } from "node:path";
import { Pop3Error } from "../../errors.ts";
import type { OurFile } from "./own-file.ts";
import { processSpace } from "./process-space.ts";
import { acquire, beat, giveUp, readHolder, type Hold } from "./lock-file.ts";
import { printable } from "../../protocol/printable.ts";

/** The times of a lock; milliseconds. */
export interface LockTimes {
  /** How often the holder renews the lock. */
  readonly heartbeat: number;
  /** The age at which a lock that was not renewed may be taken over. */
  readonly stale: number;
}

export class Lock {
  readonly path: string;
  /** Whether it replaced a lock that its former holder had not removed. */
  readonly takenOver: boolean;
  /** The owner and the permissions of our files in this directory. */
  readonly ours: OurFile;
  readonly #token: string;
  readonly #file: FileHandle;
  readonly #timer: NodeJS.Timeout;
  readonly #heartbeat: number;
  /** When the lock was last confirmed to be ours. */
  #confirmed: Moment = moment();
  #beating: Promise<void> = Promise.resolve();
  #failure: Pop3Error | undefined;

  private constructor(
    path: string,
    { file, takenOver }: Hold,
    ours: OurFile,
    token: string,
    heartbeat: number,
  ) {
    this.path = path;
    this.takenOver = takenOver;
    this.ours = ours;
    this.#token = token;
    this.#file = file;
    this.#heartbeat = heartbeat;
    this.#timer = setInterval(() => {
      this.#beating = this.#beating.then(() => this.#beat());
    }, heartbeat).unref();
  }

  /** Takes the lock. Returns `undefined` if another process holds it. Rejects with system errors. */
  static async take(path: string, { heartbeat, stale }: LockTimes): Promise<Lock | undefined> {
    const token = randomBytes(8).toString("hex");
    const hold = await acquire(path, { token, host: await processSpace(), stale });
    if (hold === undefined) return undefined;
    try {
      const { uid, mode } = await hold.file.stat();
      return new Lock(path, hold, { uid, mode }, token, heartbeat);
    } catch (error) {
      await giveUp(path, hold.file);
      throw error;
    }
  }

  /** The `POP3_LEDGER` error, once it is known that another process has taken over the lock. */
  get failure(): Pop3Error | undefined {
    return this.#failure;
  }

  /**
   * Checks that this process still holds the lock. Rejects with `POP3_LEDGER` if another process has taken it
   * over.
   */
  async confirm(): Promise<void> {
    const now = moment();
    if (this.#failure === undefined && (await readHolder(this.path))?.token !== this.#token)
      this.#failure = new Pop3Error(
        "POP3_LEDGER",
        `the lock was taken over by another run: ${printable(this.path)}`,
      );
    if (this.#failure !== undefined) throw this.#failure;
    this.#confirmed = now;
  }

  /**
   * Confirms the lock, unless that was done within the last heartbeat. If the process was stopped, or the
   * machine slept, it learns here that it has lost the lock.
   */
  async confirmIfOld(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (between(this.#confirmed, moment()) <= this.#heartbeat) return;
    await this.#showLife();
    await this.confirm();
  }

  /**
   * Releases the lock. Never rejects. If the file cannot be removed, it is marked as released. If that fails,
   * too, another process can take it over once it is stale.
   */
  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
    await giveUp(this.path, this.#file, () => this.confirm());
  }

  /**
   * Tells whether a file of this name was left by a process that died while it took over the lock from a
   * former holder.
   */
  isLeftover(name: string): boolean {
    const prefix = `${basename(this.path)}.`;
    return name.startsWith(prefix) && !name.startsWith(`${prefix}${this.#token}`);
  }

  /** Renews and confirms the lock. Never rejects: the next record reports the failure. */
  async #beat(): Promise<void> {
    try {
      await this.#showLife();
      await this.confirm();
    } catch {
      // See above.
    }
  }

  /**
   * Writes through our own descriptor, not by path: the path may be another process's lock by now, and its
   * time must not be renewed.
   */
  async #showLife(): Promise<void> {
    await beat(this.#file);
  }
}

/**
 * A time by two clocks. The first is never set, but may stop while the machine sleeps. The second continues,
 * but may be set.
 */
interface Moment {
  readonly steady: number;
  readonly wall: number;
}

function moment(): Moment {
  return { steady: performance.now(), wall: Date.now() };
}

/** Returns the longest time that may have passed; milliseconds. */
function between(earlier: Moment, later: Moment): number {
  return Math.max(later.steady - earlier.steady, Math.abs(later.wall - earlier.wall));
}
