// A lock that is held: it shows that its holder lives, and knows when another has taken it over.
import { randomBytes } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { basename } from "node:path";
import { Pop3Error } from "../../errors.ts";
import type { OurFile } from "./own-file.ts";
import { processSpace } from "./process-space.ts";
import { acquire, beat, giveUp, readHolder, type Hold } from "./lock-file.ts";

/** Milliseconds, both. */
export interface LockTimes {
  /** How often the holder shows that it lives. */
  readonly heartbeat: number;
  /** How old the last sign of life is when another may take the lock over. */
  readonly stale: number;
}

export class Lock {
  readonly path: string;
  /** Whether its former holder had not removed it. */
  readonly takenOver: boolean;
  /** What a file of ours looks like in its directory. */
  readonly ours: OurFile;
  readonly #token: string;
  readonly #file: FileHandle;
  readonly #timer: NodeJS.Timeout;
  readonly #heartbeat: number;
  /** When it was last certain that the lock is ours. */
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

  /** `undefined`: another holds it. Rejects with the errors of the system. */
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

  /** `POP3_LEDGER`, once it is known that another has taken the lock over. */
  get failure(): Pop3Error | undefined {
    return this.#failure;
  }

  /** Rejects with `POP3_LEDGER` if another has taken the lock over. */
  async confirm(): Promise<void> {
    const now = moment();
    if (this.#failure === undefined && (await readHolder(this.path))?.token !== this.#token)
      this.#failure = new Pop3Error("POP3_LEDGER", `the lock was taken over by another run: ${this.path}`);
    if (this.#failure !== undefined) throw this.#failure;
    this.#confirmed = now;
  }

  /**
   * Confirms the lock, unless that was done within the last heartbeat: a process that was stopped, or a machine that
   * slept, learns here that it has lost the lock.
   */
  async confirmIfOld(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (between(this.#confirmed, moment()) <= this.#heartbeat) return;
    await this.#showLife();
    await this.confirm();
  }

  /**
   * Gives it up. Never rejects: if it cannot be removed, it says that it is free, and if that fails, it is taken over
   * when it is stale.
   */
  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
    await giveUp(this.path, this.#file, () => this.confirm());
  }

  /** Whether a file of this name was left by one who wanted to take over from a former holder, and has died over it. */
  isLeftover(name: string): boolean {
    const prefix = `${basename(this.path)}.`;
    return name.startsWith(prefix) && !name.startsWith(`${prefix}${this.#token}`);
  }

  /** Never rejects: the next record meets what is wrong. */
  async #beat(): Promise<void> {
    try {
      await this.#showLife();
      await this.confirm();
    } catch {
      // See above.
    }
  }

  /** Writes to our own file, not by its path: that may be another process's lock by now, whose time must not be touched. */
  async #showLife(): Promise<void> {
    await beat(this.#file);
  }
}

/** A time by two clocks: one that is never set but may stop while the machine sleeps, and one that goes on but may be set. */
interface Moment {
  readonly steady: number;
  readonly wall: number;
}

function moment(): Moment {
  return { steady: performance.now(), wall: Date.now() };
}

/** How much time may have passed at most; milliseconds. */
function between(earlier: Moment, later: Moment): number {
  return Math.max(later.steady - earlier.steady, Math.abs(later.wall - earlier.wall));
}
