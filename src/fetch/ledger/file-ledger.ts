// A ledger in a directory: for each mailbox a journal, and a lock beside it while a run is under way.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Pop3Error } from "../../errors.ts";
import { configError, shown, withDefaults } from "../../options/checks.ts";
import { isSystemError, isTemporaryOf, makeDirectory, replaceFile, syncDirectory } from "../files/fsync.ts";
import { removeName } from "../files/own-file.ts";
import { rm } from "../files/patient-fs.ts";
import { releaseMessages } from "./another-try.ts";
import { applyChanges } from "./changes.ts";
import { fileName } from "./file-name.ts";
import { Journal, readJournal, readJournalHeader } from "./journal.ts";
import { encodeJournal, type JournalContents } from "./journal-contents.ts";
import { encodeRecord } from "./journal-line.ts";
import type {
  Ledger,
  LedgerChanges,
  LedgerEntry,
  LedgerSnapshot,
  MailboxLedger,
  MailboxState,
} from "./ledger.ts";
import { isClaim } from "../files/lock-file.ts";
import { Lock, type LockTimes } from "../files/lock.ts";
import { checkNames, noLedger, renamed } from "./renaming.ts";

export interface FileLedgerOptions {
  /** How often a run shows that it holds its mailbox; milliseconds. @default 10000 */
  readonly heartbeat?: number;
  /**
   * After this time without a sign of life the mailbox is taken from a run, which then records nothing more;
   * milliseconds. One that has died on the same host is known for dead at once. @default 60000
   */
  readonly stale?: number;
}

const DEFAULTS: LockTimes = { heartbeat: 10_000, stale: 60_000 };

/** The longest time of a timer; milliseconds. */
const LONGEST = 0x7fff_ffff;

/**
 * Keeps what was fetched in a directory, which it makes, for nobody but its owner. A journal is text, a line for each
 * thing that was recorded; it is never in need of repair after a crash, and may be copied at any time.
 *
 * It is safe for any number of processes, on hosts that share the directory, too, where their file system knows
 * exclusive creation, hard links, and appends.
 */
export class FileLedger implements Ledger {
  readonly directory: string;
  readonly #times: LockTimes;
  /** The claims of those who died before they held anything are removed once: the directory may be large. */
  #tidied: Promise<void> | undefined;

  /** Throws `POP3_CONFIG` for options that make no sense. */
  constructor(directory: string, options?: FileLedgerOptions) {
    if (typeof directory !== "string" || directory === "")
      throw configError(`the directory of a FileLedger must be a non-empty string (got ${shown(directory)})`);
    this.directory = directory;
    this.#times = withDefaults("ledger", DEFAULTS, options);
    const { heartbeat, stale } = this.#times;
    if (heartbeat < 1 || heartbeat > LONGEST || heartbeat >= stale)
      throw configError(`ledger.heartbeat is from 1 to ${String(LONGEST)}, and less than ledger.stale`);
  }

  /**
   * Takes the ledger of a mailbox. Rejects with `POP3_MAILBOX_BUSY` where another run holds it, in this process or
   * any other, and with `POP3_LEDGER` where the journal cannot be read or written, or is damaged.
   */
  async open(mailbox: string): Promise<MailboxLedger> {
    return explained(`cannot open the ledger of ${mailbox}`, async () => {
      const lock = await this.#take(mailbox);
      try {
        const path = this.#path(mailbox, "journal");
        const contents = await readJournal(path, mailbox, lock.ours);
        return new FileMailbox(contents, await Journal.open(path, mailbox, contents, lock), lock);
      } catch (error) {
        await lock.release();
        throw error;
      }
    });
  }

  /**
   * What is known of a mailbox now, whether a run holds it or not: nothing is locked, made or changed. Empty, if it was
   * never opened. Rejects with `POP3_LEDGER` if the journal cannot be read, is damaged, or is of a newer version.
   */
  async read(mailbox: string): Promise<LedgerSnapshot> {
    return explained(`cannot read the ledger of ${mailbox}`, async () => {
      const { entries, state, keyName } = await readJournal(this.#path(mailbox, "journal"), mailbox);
      return keyName === undefined ? { entries, state } : { entries, state, keyName };
    });
  }

  /**
   * Gives messages that have failed another try: the next run retrieves them, whether they were left alone or waited
   * for the end of a pause. `id`: the name of the one message in the ledger, its unique-id as a rule; without it, all
   * that have failed. Resolves with their entries: none, if there are no such messages. Rejects with
   * `POP3_MAILBOX_BUSY` while a run holds the mailbox, and with `POP3_LEDGER`.
   *
   * @example
   * const released = await ledger.release("ann@pop.example.com:995");
   */
  release(mailbox: string, id?: string): Promise<readonly LedgerEntry[]> {
    return releaseMessages(this, mailbox, id);
  }

  /** The names of the mailboxes that are known, in order. Files that are not readable journals are left out. */
  async mailboxes(): Promise<string[]> {
    return explained("cannot list the ledgers", async () => {
      const names: string[] = [];
      for (const file of await this.#files()) {
        if (!file.endsWith(".journal")) continue;
        const header = await readJournalHeader(join(this.directory, file)).catch(() => undefined);
        // A copy that was made by hand is not what is opened under that name.
        if (header !== undefined && file === `${fileName(header.mailbox)}.journal`)
          names.push(header.mailbox);
      }
      return names.sort();
    });
  }

  /**
   * Gives the ledger of a mailbox another name, after its host, port or user has changed. The keys of its messages stay
   * as they were, see {@link LedgerSnapshot.keyName}. If the process dies, the old ledger is there, or the new one, or
   * both with the same contents: the same call goes on with it.
   *
   * Rejects with `POP3_MAILBOX_BUSY` while a run holds one of the two, with `POP3_CONFIG` for names that make no sense,
   * and with `POP3_LEDGER` if there is no ledger `from`, if `to` knows messages already, or if a file cannot be written.
   *
   * @example
   * await ledger.rename("ann@pop.old.example:995", "ann@pop.new.example:995");
   */
  async rename(from: string, to: string): Promise<void> {
    checkNames(from, to);
    await explained(`cannot rename the ledger of ${from} to ${to}`, async () => {
      const [old, next] = [this.#path(from, "journal"), this.#path(to, "journal")];
      if ((await readJournal(old, from)).length === 0) throw noLedger(from, ` in ${this.directory}`);
      await this.#holding([from, to], async ({ confirm, ours }) => {
        const source = await readJournal(old, from, ours);
        if (source.length === 0) throw noLedger(from, ` in ${this.directory}`);
        const contents = renamed(from, to, source, await readJournal(next, to, ours));
        await replaceFile(next, encodeJournal(to, contents), { confirm });
        await confirm();
        await rm(old);
        await syncDirectory(this.directory);
      });
    });
  }

  /**
   * Forgets all that is known of a mailbox: the next run takes all its messages for new ones. A destination that knows
   * keys takes in only what it lacks. A damaged ledger can be deleted, too. Rejects with `POP3_MAILBOX_BUSY` while a run
   * holds the mailbox, and with `POP3_LEDGER` if it cannot be written. Resolves with whether there was such a ledger.
   */
  async delete(mailbox: string): Promise<boolean> {
    return explained(`cannot delete the ledger of ${mailbox}`, async () => {
      const path = this.#path(mailbox, "journal");
      const exists = (await this.#files()).includes(`${fileName(mailbox)}.journal`);
      if (!exists) return false;
      await this.#holding([mailbox], async ({ confirm }) => {
        const header = await readJournalHeader(path).catch(() => undefined);
        if (header?.keyName === undefined) {
          await confirm();
          await rm(path, { force: true });
          await syncDirectory(this.directory);
          return;
        }
        // Its keys stay, or the destination would take in everything once more.
        const { keyName } = header;
        await replaceFile(path, encodeJournal(mailbox, { entries: new Map(), state: {}, keyName }), {
          confirm,
        });
      });
      return true;
    });
  }

  /** Holds mailboxes while `work` runs. */
  async #holding(mailboxes: readonly string[], work: (held: Held) => Promise<void>): Promise<void> {
    const locks: Lock[] = [];
    try {
      for (const mailbox of mailboxes) locks.push(await this.#take(mailbox));
      const confirm = async (): Promise<void> => {
        for (const lock of locks) await lock.confirm();
      };
      await work({ confirm, ours: (locks[0] as Lock).ours });
    } finally {
      for (const lock of locks) await lock.release();
    }
  }

  /** Takes the lock of a mailbox, and removes what its former holder has left half done. */
  async #take(mailbox: string): Promise<Lock> {
    await makeDirectory(this.directory);
    await this.#tidy();
    const lock = await Lock.take(this.#path(mailbox, "lock"), this.#times);
    if (lock === undefined)
      throw new Pop3Error("POP3_MAILBOX_BUSY", `another run is fetching the mail of ${mailbox}`);
    try {
      if (lock.takenOver) await this.#sweep(mailbox, lock);
      return lock;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  #path(mailbox: string, kind: "journal" | "lock"): string {
    return join(this.directory, `${fileName(mailbox)}.${kind}`);
  }

  /**
   * Removes what the former holder has left half done. Should it live, and be about to put a new journal in place:
   * what it would rename is gone now, and what it makes from now on it does not rename, as it has lost its lock.
   */
  async #sweep(mailbox: string, lock: Lock): Promise<void> {
    const journal = `${fileName(mailbox)}.journal`;
    await this.#remove((name) => isTemporaryOf(journal, name) || lock.isLeftover(name));
  }

  /** Never rejects: what is left does no harm, and goes another time. */
  #tidy(): Promise<void> {
    return (this.#tidied ??= this.#remove(isClaim).catch(() => {
      this.#tidied = undefined;
    }));
  }

  /** What is in the directory; nothing, if it was never made. */
  async #files(): Promise<string[]> {
    try {
      return await readdir(this.directory);
    } catch (error) {
      if (isSystemError(error, "ENOENT")) return [];
      throw error;
    }
  }

  async #remove(isLeftover: (name: string) => boolean): Promise<void> {
    for (const name of await readdir(this.directory)) {
      if (isLeftover(name)) await removeName(join(this.directory, name));
    }
  }
}

/** Mailboxes that are held. */
interface Held extends Pick<Lock, "ours"> {
  /** Rejects with `POP3_LEDGER` if another process has taken one of them over. */
  readonly confirm: () => Promise<void>;
}

class FileMailbox implements MailboxLedger {
  readonly #entries: Map<string, LedgerEntry>;
  #state: MailboxState;
  readonly keyName: string | undefined;
  readonly #journal: Journal;
  readonly #lock: Lock;
  #closing: Promise<void> | undefined;

  constructor({ entries, state, keyName }: JournalContents, journal: Journal, lock: Lock) {
    this.keyName = keyName;
    this.#entries = entries;
    this.#state = state;
    this.#journal = journal;
    this.#lock = lock;
  }

  get entries(): ReadonlyMap<string, LedgerEntry> {
    return this.#entries;
  }

  get state(): MailboxState {
    return this.#state;
  }

  async record(changes: LedgerChanges): Promise<void> {
    if (this.#closing !== undefined) throw new Pop3Error("POP3_LEDGER", "the ledger is closed");
    if (this.#journal.failure !== undefined) throw this.#journal.failure;
    const lines = encodeRecord(changes);
    this.#state = applyChanges(this.#entries, this.#state, changes);
    await this.#journal.append(lines);
  }

  confirm(): Promise<void> {
    return explained(`cannot confirm the lock ${this.#lock.path}`, () => this.#lock.confirmIfOld());
  }

  close(): Promise<void> {
    this.#closing ??= this.#journal.close().then(() => this.#lock.release());
    return this.#closing;
  }
}

/** Turns the errors of the system into `POP3_LEDGER`. */
async function explained<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (Pop3Error.is(cause)) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Pop3Error("POP3_LEDGER", `${what}: ${reason}`, { cause });
  }
}
