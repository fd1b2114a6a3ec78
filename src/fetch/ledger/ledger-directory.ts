// The directory of a FileLedger: the names of its files, the locks of its mailboxes, and what crashes have left in it.
import { printable } from "../../protocol/printable.ts";
import { join } from "node:path";
import { Pop3Error } from "../../errors.ts";
import { nextFence } from "../files/fence.ts";
import { isSystemError, isTemporaryOf, makeDirectory } from "../files/fsync.ts";
import { isOnLocalDisk } from "../files/local-disk.ts";
import { isClaim } from "../files/lock-file.ts";
import { Lock, type LockTimes } from "../files/lock.ts";
import { removeName, type OurFile } from "../files/own-file.ts";
import { fileName } from "./file-name.ts";
import { LedgerError } from "./ledger-error.ts";
import { StateFile } from "./state-file.ts";
import { readdir } from "../files/patient-fs.ts";

/** The files of a mailbox. */
export interface MailboxPaths {
  readonly journal: string;
  readonly state: string;
  readonly lock: string;
}

/** The ends of their names. */
export const KINDS: MailboxPaths = { journal: ".journal", state: ".state", lock: ".lock" };

/** Mailboxes that this process has locked. */
export interface Held extends Pick<Lock, "ours"> {
  /**
   * Called before each change. Rejects with `POP3_LEASE_LOST` if another process has taken one of them over. From then
   * on a failure may leave files that are not on the disk as they can be read: the next holders replace them.
   */
  readonly confirm: () => Promise<void>;
}

export class LedgerDirectory {
  readonly path: string;
  readonly times: LockTimes;
  /**
   * Claims of processes that died before they held a lock are removed only once, because the directory may be
   * large.
   */
  #tidied: Promise<void> | undefined;
  /** `undefined`: not known, because the directory does not exist yet. */
  #isLocal: boolean | undefined;

  constructor(path: string, times: LockTimes) {
    this.path = path;
    this.times = times;
  }

  /** Locks mailboxes while `work` runs. */
  async holding(mailboxes: readonly string[], work: (held: Held) => Promise<void>): Promise<void> {
    const locks: Lock[] = [];
    try {
      for (const mailbox of mailboxes) locks.push(await this.take(mailbox));
      const confirm = async (): Promise<void> => {
        for (const lock of locks) await lock.confirm();
        for (const lock of locks) lock.leavesFile = true;
      };
      await work({ confirm, ours: (locks[0] as Lock).ours });
      for (const lock of locks) lock.leavesFile = false;
    } finally {
      for (const lock of locks) await lock.release();
    }
  }

  /**
   * Locks a mailbox, and removes what a crashed holder has left half done. Rejects with `POP3_MAILBOX_BUSY` if
   * another run holds it, and with system errors.
   */
  async take(mailbox: string): Promise<Lock> {
    await this.#tidy();
    const lock = await this.#lock(this.paths(mailbox).lock);
    if (lock === undefined)
      throw new Pop3Error("POP3_MAILBOX_BUSY", `another run is fetching the mail of ${printable(mailbox)}`);
    // Until the journal is replaced, each later holder has to know that it must do that.
    lock.leavesFile = lock.takenOver;
    try {
      if (lock.failure !== undefined) throw lock.failure;
      if (lock.takenOver) await this.#sweep(mailbox, lock);
      return lock;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Takes the lock, and creates the directory if it is missing. */
  async #lock(path: string): Promise<Lock | undefined> {
    const take = async (): Promise<Lock | undefined> => {
      this.#isLocal ??= await isOnLocalDisk(this.path);
      return Lock.take(path, { ...this.times, lostError: leaseLost, isLocal: this.#isLocal === true });
    };
    try {
      return await take();
    } catch (error) {
      if (!isSystemError(error, "ENOENT") && !isSystemError(error, "ENOTDIR")) throw error;
    }
    await makeDirectory(this.path);
    return take();
  }

  /**
   * Removes the state file of a mailbox. If it has a greater fence than the clock gives, the later fences of this
   * process are greater still.
   */
  async forgetState(mailbox: string, ours: OurFile): Promise<void> {
    const file = await StateFile.open(this.paths(mailbox).state, ours);
    nextFence(file.kept?.fence);
    await file.remove();
  }

  /** Returns the files of a mailbox. */
  paths(mailbox: string): MailboxPaths {
    return this.pathsOf(fileName(mailbox));
  }

  /** Returns the files with this name, see {@link fileName}. */
  pathsOf(name: string): MailboxPaths {
    const path = join(this.path, name);
    return {
      journal: `${path}${KINDS.journal}`,
      state: `${path}${KINDS.state}`,
      lock: `${path}${KINDS.lock}`,
    };
  }

  /**
   * Removes what the former holder has left half done. The former holder may still be alive and about to put
   * a new journal in place. That is safe: the file that it would rename is removed here, and it renames no
   * file that it creates later, because it has lost its lock.
   */
  async #sweep(mailbox: string, lock: Lock): Promise<void> {
    const files = [KINDS.journal, KINDS.state].map((kind) => `${fileName(mailbox)}${kind}`);
    await this.#remove((name) => files.some((file) => isTemporaryOf(file, name)) || lock.isLeftover(name));
  }

  /** Removes old claims. Never rejects: a claim that stays does no harm, and a later call removes it. */
  #tidy(): Promise<void> {
    return (this.#tidied ??= this.#remove(isClaim).catch(() => {
      this.#tidied = undefined;
    }));
  }

  /** Lists the files of the directory. The list is empty if the directory does not exist. */
  async list(): Promise<string[]> {
    try {
      return await readdir(this.path);
    } catch (error) {
      if (isSystemError(error, "ENOENT")) return [];
      throw error;
    }
  }

  async #remove(isLeftover: (name: string) => boolean): Promise<void> {
    for (const name of await readdir(this.path)) {
      if (isLeftover(name)) await removeName(join(this.path, name));
    }
  }
}

function leaseLost(message: string): LedgerError {
  return new LedgerError(message, { leaseLost: true });
}
