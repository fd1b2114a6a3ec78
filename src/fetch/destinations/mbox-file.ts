// An mbox and its lock. The holder of the lock knows which messages are in the file, and may append others.
import { dirname, join } from "node:path";
import { isSystemError } from "../files/fsync.ts";
import { Lock, type LockTimes } from "../files/lock.ts";
import { ForeignFileError, notRegular, type OurFile } from "../files/own-file.ts";
import { throwIfAborted } from "../../net/failures.ts";
import { sleep } from "../../net/settle.ts";
import type { DeliveryGroup, DeliveryWriter } from "./destination.ts";
import { DestinationError, isDown } from "./destination-error.ts";
import { fromLines } from "./from-line.ts";
import { Gathering, type Result } from "./gathering.ts";
import { append, type Seen } from "./mbox-append.ts";
import { MboxMessage } from "./mbox-message.ts";
import { openMbox, type MboxLock } from "./mbox-open.ts";
import { recover } from "./mbox-recovery.ts";
import { removeOld } from "./spool-file.ts";
import { printable } from "../../protocol/printable.ts";
import { wallTime } from "../../system/clock.ts";
import { constants, readdir, stat } from "../files/patient-fs.ts";

/** Other programs do not renew their locks. By convention, a lock that is five minutes old is abandoned. */
const LOCK: LockTimes = { heartbeat: 10_000, stale: 300_000 };

/**
 * The shortest and the longest pause between two checks of a lock that another program holds; milliseconds.
 */
const [SHORTEST, LONGEST] = [50, 1000];

/** What an mbox needs of its destination. */
interface MboxSurroundings {
  /** How long to wait for a lock that another program holds; milliseconds. */
  readonly lockTimeout: number;
  /** The limits of a group; `undefined`: one message. */
  readonly limits: DeliveryGroup | undefined;
  /** Called when a message could not be appended. */
  readonly failed: () => void;
}

export class MboxFile {
  readonly path: string;
  readonly #surroundings: MboxSurroundings;
  readonly #gathering: Gathering<MboxMessage>;
  /** All keys that were ever found in it. A message that a mail reader has deleted counts as delivered. */
  readonly #keys: Set<string> = new Set();
  #seen: Seen | undefined;
  /** The last task under the lock. Tasks run one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(path: string, surroundings: MboxSurroundings) {
    this.path = path;
    this.#surroundings = surroundings;
    this.#gathering = new Gathering(surroundings.limits, (group) => this.#store(group));
  }

  /** Returns a writer for a message, or `"known"`. The mbox is locked only when the message is complete. */
  async begin(key: string, signal: AbortSignal | undefined): Promise<DeliveryWriter | "known"> {
    if (await this.#has(key, signal)) return "known";
    const message = new MboxMessage(dirname(this.path), key, signal);
    this.#gathering.begin(message);
    return {
      write: (octets) => message.write(octets),
      commit: () => {
        message.end();
        return this.#gathering.commit(message, message);
      },
      abort: () => {
        this.#gathering.abort(message);
        return message.discard();
      },
    };
  }

  /**
   * Tells whether a message is there. Looks for changes of other programs at the beginning of a group. While the group
   * before it is stored, and for the others of the group, this is done when the group is stored.
   */
  async #has(key: string, signal: AbortSignal | undefined): Promise<boolean> {
    const { isNew, isStoring } = this.#gathering;
    if (isNew && !isStoring && !this.#isAsSeen(await explained(() => this.#look())))
      await this.#locked([signal], async () => {});
    return this.#keys.has(key);
  }

  /** Appends the messages of a group. Never rejects. */
  async #store(group: readonly MboxMessage[]): Promise<readonly Result[]> {
    const results = await this.#append(group).catch((error: unknown) => this.#storeEach(group, error));
    await Promise.all(group.map((message) => message.discard()));
    if (results.some(({ status }) => status === "rejected")) this.#surroundings.failed();
    return results;
  }

  /**
   * Appends the messages of a group that has failed, each alone: one of them may be at fault, or the disk may have space
   * for some. Not after an error of our own, such as a lost lock: no message causes one. Stops when no other message
   * would be accepted. Never rejects.
   */
  async #storeEach(group: readonly MboxMessage[], error: unknown): Promise<readonly Result[]> {
    if (group.length === 1 || DestinationError.is(error)) return group.map(() => rejected(error));
    const results: Result[] = [];
    for (const message of group) {
      const before = results.at(-1);
      const isOver = before?.status === "rejected" && isDown(before.reason);
      results.push(isOver ? before : await this.#append([message]).then(first, rejected));
    }
    return results;
  }

  /** Appends messages: all of them, or none if it rejects. Of equal messages only one is appended. */
  async #append(group: readonly MboxMessage[]): Promise<readonly Result[]> {
    for (const message of group) await message.arrived();
    return this.#locked(
      group.map(({ signal }) => signal),
      async (lock) => {
        const added = new Map<string, MboxMessage>();
        for (const message of group)
          if (!this.#keys.has(message.key) && !added.has(message.key)) added.set(message.key, message);
        if (added.size > 0) this.#seen = await append(this.path, lock, [...added.values()]);
        for (const key of added.keys()) this.#keys.add(key);
        return group.map((message) => ({
          status: "fulfilled",
          value: added.get(message.key) === message ? "new" : "known",
        }));
      },
    );
  }

  #locked<T>(signals: Signals, work: (lock: MboxLock) => Promise<T>): Promise<T> {
    const task = this.#last.then(() => explained(() => this.#underLock(signals, work)));
    this.#last = task.catch(() => undefined);
    return task;
  }

  async #underLock<T>(signals: Signals, work: (lock: MboxLock) => Promise<T>): Promise<T> {
    const lock = await this.#lock(signals);
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

  /** Takes the lock. Rejects if one of the signals is aborted before. */
  async #lock(signals: Signals): Promise<Lock> {
    const until = wallTime() + this.#surroundings.lockTimeout;
    for (let pause = SHORTEST; ; pause = Math.min(LONGEST, pause * 2)) {
      for (const signal of signals) throwIfAborted(signal);
      const lock = await Lock.take(`${this.path}.lock`, LOCK);
      if (lock !== undefined) return lock;
      if (wallTime() >= until)
        throw new DestinationError(`another program has locked ${printable(this.path)}`, { down: true });
      await sleep(Math.min(pause, until - wallTime()), ...signals);
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

type Signals = readonly (AbortSignal | undefined)[];

function first([result]: readonly Result[]): Result {
  return result as Result;
}

function rejected(reason: unknown): Result {
  return { status: "rejected", reason };
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
