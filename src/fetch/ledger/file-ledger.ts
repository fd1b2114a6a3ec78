// A ledger in a directory. Each mailbox has a journal there, and a lock file while a run holds the mailbox.
import { foreignError } from "../../protocol/foreign-error.ts";
import { printable } from "../../protocol/printable.ts";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Pop3Error } from "../../errors.ts";
import { LONGEST_TIMER } from "../../net/settle.ts";
import { argumentError, checkText, configError, withDefaults } from "../../options/checks.ts";
import { isSystemError, isTemporaryOf, makeDirectory, replaceFile, syncDirectory } from "../files/fsync.ts";
import { removeName } from "../files/own-file.ts";
import { rm } from "../files/patient-fs.ts";
import { releaseMessages } from "./another-try.ts";
import { fileName } from "./file-name.ts";
import { Journal, readJournal, readJournalHeader } from "./journal.ts";
import { encodeJournal, type JournalContents } from "./journal-contents.ts";
import { encodeRecord } from "./journal-line.ts";
import type {
  Ledger,
  LedgerChanges,
  LedgerEntry,
  LedgerMailbox,
  LedgerOpenOptions,
  LedgerSnapshot,
  MailboxLedger,
  MailboxState,
} from "./ledger.ts";
import { isClaim } from "../files/lock-file.ts";
import { checkOpenOptions } from "./open-options.ts";
import { throwIfAborted } from "../../net/failures.ts";
import { Lock, type LockTimes } from "../files/lock.ts";
import { checkNames, noLedger, renamed } from "./renaming.ts";

/** The options of a {@link FileLedger}. */
export interface FileLedgerOptions {
  /** How often a run renews the lock of its mailbox; milliseconds. @default 10000 */
  readonly heartbeat?: number;
  /**
   * A lock that was not renewed for this time may be taken over by another run; milliseconds. The run that
   * has lost its lock records nothing more. The lock of a process that died on the same host is taken over at
   * once.
   * @default 60000
   */
  readonly stale?: number;
}

const DEFAULTS: LockTimes = { heartbeat: 10_000, stale: 60_000 };

/**
 * Remembers in a directory which messages were fetched. The directory is created if it is missing, readable
 * for its owner only. A journal is a text file with one line for each recorded fact. It never needs repair
 * after a crash, and you can copy it at any time.
 *
 * Any number of processes can use the directory at the same time. Hosts can share it if the file system
 * supports exclusive creation, hard links and appends.
 *
 * @example
 * ```ts
 * const ledger = new FileLedger("./state");
 * await fetchMail(account, { ledger, destination: new Maildir("./Mail") });
 * console.log(await ledger.mailboxes());
 * ```
 */
export class FileLedger implements Ledger {
  readonly directory: string;
  readonly #times: LockTimes;
  /**
   * Claims of processes that died before they held a lock are removed only once, because the directory may be
   * large.
   */
  #tidied: Promise<void> | undefined;

  /** Throws `POP3_CONFIG` if an option is invalid. */
  constructor(directory: string, options?: FileLedgerOptions) {
    checkText("the directory of a FileLedger", directory);
    this.directory = directory;
    this.#times = withDefaults("ledger", DEFAULTS, options);
    const { heartbeat, stale } = this.#times;
    if (heartbeat < 1 || heartbeat > LONGEST_TIMER || heartbeat >= stale)
      throw configError(
        `ledger.heartbeat must be from 1 to ${String(LONGEST_TIMER)}, and less than ledger.stale ` +
          `(got ${String(heartbeat)}, with ledger.stale ${String(stale)})`,
      );
  }

  /**
   * Opens the ledger of a mailbox and locks it. Rejects with `POP3_MAILBOX_BUSY` if another run holds it, in
   * this process or in any other. Rejects with `POP3_LEDGER` if the journal cannot be read or written, or is
   * damaged.
   */
  async open(mailbox: string, options: LedgerOpenOptions = {}): Promise<MailboxLedger> {
    checkText("mailbox", mailbox, argumentError);
    checkOpenOptions(options);
    throwIfAborted(options.signal);
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
   * Reads what is known of a mailbox now, even if a run holds it. Locks, creates and changes nothing. The
   * result is empty if the mailbox was never opened. Rejects with `POP3_LEDGER` if the journal cannot be
   * read, is damaged, or was written by a newer version.
   */
  async read(mailbox: string): Promise<LedgerSnapshot> {
    checkText("mailbox", mailbox, argumentError);
    return explained(`cannot read the ledger of ${printable(mailbox)}`, async () => {
      const { entries, state, keyName } = await readJournal(this.#path(mailbox, "journal"), mailbox);
      return keyName === undefined ? { entries, state } : { entries, state, keyName };
    });
  }

  /**
   * Makes failed messages due again: the next run retrieves them, even if they were quarantined or were
   * waiting for a pause to end. `id` names one message in the ledger, normally by its unique-id. Without
   * `id`, all failed messages are released. Resolves with their entries; the list is empty if there are no
   * such messages. Rejects with `POP3_MAILBOX_BUSY` while a run holds the mailbox, and with `POP3_LEDGER` if
   * the journal cannot be read or written.
   *
   * @example
   * ```ts
   * const released = await ledger.release("ann@pop.example.com:995");
   * ```
   */
  release(mailbox: string, id?: string): Promise<readonly LedgerEntry[]> {
    return releaseMessages(this, mailbox, id);
  }

  /** Lists the names of the known mailboxes, sorted. Files that are not readable journals are left out. */
  async *mailboxes(): AsyncGenerator<LedgerMailbox, void, undefined> {
    for (const mailbox of await this.#names()) {
      const { state } = await this.read(mailbox);
      yield { mailbox, state, held: false };
    }
  }

  async #names(): Promise<string[]> {
    return explained("cannot list the ledgers", async () => {
      const names: string[] = [];
      for (const file of await this.#files()) {
        if (!file.endsWith(".journal")) continue;
        const header = await readJournalHeader(join(this.directory, file)).catch(() => undefined);
        // A copy that someone made by hand has another name: `open` would not find it.
        if (header !== undefined && file === `${fileName(header.mailbox)}.journal`)
          names.push(header.mailbox);
      }
      return names.sort();
    });
  }

  /**
   * Renames the ledger of a mailbox, after its host, port or user has changed. The keys of its messages stay
   * as they were, see {@link LedgerSnapshot.keyName}. If the process dies, the directory has the old ledger,
   * the new one, or both with the same contents. Repeat the call to complete it.
   *
   * Rejects with `POP3_MAILBOX_BUSY` while a run holds one of the two, and with `POP3_CONFIG` if a name is
   * invalid. Rejects with `POP3_LEDGER` if there is no ledger `from`, if `to` already knows messages, or if a
   * file cannot be written.
   *
   * @example
   * ```ts
   * await ledger.rename("ann@pop.old.example:995", "ann@pop.new.example:995");
   * ```
   */
  async rename(from: string, to: string): Promise<void> {
    checkNames(from, to);
    await explained(`cannot rename the ledger of ${from} to ${to}`, async () => {
      const [old, next] = [this.#path(from, "journal"), this.#path(to, "journal")];
      if ((await readJournal(old, from)).length === 0)
        throw noLedger(from, ` in ${printable(this.directory)}`);
      await this.#holding([from, to], async ({ confirm, ours }) => {
        const source = await readJournal(old, from, ours);
        if (source.length === 0) throw noLedger(from, ` in ${printable(this.directory)}`);
        const contents = renamed(from, to, source, await readJournal(next, to, ours));
        await replaceFile(next, encodeJournal(to, contents), { confirm });
        await confirm();
        await rm(old);
        await syncDirectory(this.directory);
      });
    });
  }

  /**
   * Forgets everything about a mailbox. The next run treats all its messages as new; a destination that
   * recognises keys then stores only the messages that it lacks. A damaged ledger can be deleted, too.
   * Resolves with whether there was such a ledger. Rejects with `POP3_MAILBOX_BUSY` while a run holds the
   * mailbox, and with `POP3_LEDGER` if the directory cannot be written to.
   */
  async delete(mailbox: string): Promise<boolean> {
    checkText("mailbox", mailbox, argumentError);
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
        // Keep the name in its keys. Otherwise the destination would store every message a second time.
        const { keyName } = header;
        await replaceFile(path, encodeJournal(mailbox, { entries: new Map(), state: {}, keyName }), {
          confirm,
        });
      });
      return true;
    });
  }

  /** Locks mailboxes while `work` runs. */
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

  /** Locks a mailbox, and removes what a crashed holder has left half done. */
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
   * Removes what the former holder has left half done. The former holder may still be alive and about to put
   * a new journal in place. That is safe: the file that it would rename is removed here, and it renames no
   * file that it creates later, because it has lost its lock.
   */
  async #sweep(mailbox: string, lock: Lock): Promise<void> {
    const journal = `${fileName(mailbox)}.journal`;
    await this.#remove((name) => isTemporaryOf(journal, name) || lock.isLeftover(name));
  }

  /** Removes old claims. Never rejects: a claim that stays does no harm, and a later call removes it. */
  #tidy(): Promise<void> {
    return (this.#tidied ??= this.#remove(isClaim).catch(() => {
      this.#tidied = undefined;
    }));
  }

  /** Lists the files of the directory. The list is empty if the directory does not exist. */
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

/** Mailboxes that this process has locked. */
interface Held extends Pick<Lock, "ours"> {
  /** Rejects with `POP3_LEDGER` if another process has taken one of them over. */
  readonly confirm: () => Promise<void>;
}

class FileMailbox implements MailboxLedger {
  readonly #entries: Map<string, LedgerEntry>;
  readonly state: MailboxState;
  readonly fence: bigint = BigInt(Date.now()) * 1000n;
  readonly takenOver: boolean;
  readonly lost: AbortSignal = new AbortController().signal;
  readonly keyName: string | undefined;
  readonly #journal: Journal;
  readonly #lock: Lock;
  #closing: Promise<void> | undefined;

  constructor({ entries, state, keyName }: JournalContents, journal: Journal, lock: Lock) {
    this.keyName = keyName;
    this.#entries = entries;
    this.state = state;
    this.takenOver = lock.takenOver;
    this.#journal = journal;
    this.#lock = lock;
  }

  load(): Promise<Map<string, LedgerEntry>> {
    return Promise.resolve(this.#entries);
  }

  async record(changes: LedgerChanges): Promise<void> {
    if (this.#closing !== undefined)
      throw new Pop3Error("POP3_LEDGER", "the ledger of the mailbox was closed: call open() again");
    if (this.#journal.failure !== undefined) throw this.#journal.failure;
    await this.#journal.append(encodeRecord(changes));
  }

  confirm(): Promise<void> {
    return explained(`cannot confirm the lock ${printable(this.#lock.path)}`, () =>
      this.#lock.confirmIfOld(),
    );
  }

  close(changes?: LedgerChanges): Promise<void> {
    this.#closing ??= this.#close(changes === undefined ? Promise.resolve() : this.record(changes));
    return this.#closing;
  }

  async #close(recorded: Promise<void>): Promise<void> {
    try {
      await recorded;
    } finally {
      await this.#journal.close();
      await this.#lock.release();
    }
  }
}

/** Converts system errors to `POP3_LEDGER`. */
async function explained<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (Pop3Error.is(cause)) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Pop3Error("POP3_LEDGER", `${what}: ${printable(reason)}`, {
      cause: foreignError(cause),
    });
  }
}
