// A ledger in a directory. Each mailbox has a journal there, a small file with its state, and a lock file while a run
// holds the mailbox.
import { throwIfAborted } from "../../net/failures.ts";
import { LONGEST_TIMER } from "../../net/settle.ts";
import { argumentError, checkText, configError, withDefaults } from "../../options/checks.ts";
import type { Duration } from "../../options/duration.ts";
import { printable } from "../../protocol/printable.ts";
import { replaceFile, syncDirectory } from "../files/fsync.ts";
import { Lock, type LockTimes } from "../files/lock.ts";
import { rm } from "../files/patient-fs.ts";
import { releaseMessages } from "./another-try.ts";
import { explained } from "./explained.ts";
import { FileMailbox } from "./file-mailbox.ts";
import { fileName } from "./file-name.ts";
import { readNamedState, readSnapshot } from "./file-reading.ts";
import { readJournalHeader } from "./journal.ts";
import { encodeJournal } from "./journal-contents.ts";
import { KINDS, LedgerDirectory } from "./ledger-directory.ts";
import type {
  Ledger,
  LedgerEntry,
  LedgerMailbox,
  LedgerOpenOptions,
  LedgerSnapshot,
  MailboxLedger,
} from "./ledger.ts";
import { checkOpenOptions } from "./open-options.ts";
import { checkNames, noLedger, renamed } from "./renaming.ts";

/** The options of a {@link FileLedger}. */
export interface FileLedgerOptions {
  /** How often a run renews the lock of its mailbox. A number is in milliseconds. @default 10000 */
  readonly heartbeat?: Duration;
  /**
   * A lock that was not renewed for this time may be taken over by another run. A number is in milliseconds. The run that
   * could not renew its lock for so long ends with `POP3_LEASE_LOST`, and records nothing more. The lock of a
   * process that died on the same host is taken over at once.
   * @default 60000
   */
  readonly stale?: Duration;
}

const DEFAULTS: LockTimes = { heartbeat: 10_000, stale: 60_000 };

/**
 * Remembers in a directory which messages were fetched. The directory is created if it is missing, readable
 * for its owner only. A journal is a text file with one line for each recorded fact. It never needs repair
 * after a crash, and you can copy it at any time. A small file next to it has the state of the mailbox, so that
 * a poll that finds nothing new costs one short write, however many messages are known.
 *
 * Any number of processes can use the directory at the same time. Hosts can share it if the file system
 * supports exclusive creation, hard links and appends.
 *
 * @example
 * ```ts
 * const ledger = new FileLedger("./state");
 * await fetchMail(account, { ledger, destination: new Maildir("./Mail") });
 * ```
 */
export class FileLedger implements Ledger {
  /** The directory of the ledger, as it was given. */
  readonly directory: string;
  readonly #files: LedgerDirectory;

  /** Throws `POP3_CONFIG` if an option is invalid. */
  constructor(directory: string, options?: FileLedgerOptions) {
    checkText("the directory of a FileLedger", directory);
    this.directory = directory;
    const times = withDefaults("ledger", DEFAULTS, options, "ms");
    const { heartbeat, stale } = times;
    if (heartbeat < 1 || heartbeat > LONGEST_TIMER || heartbeat >= stale)
      throw configError(
        `ledger.heartbeat must be from 1 to ${String(LONGEST_TIMER)}, and less than ledger.stale ` +
          `(got ${String(heartbeat)}, with ledger.stale ${String(stale)})`,
      );
    this.#files = new LedgerDirectory(directory, times);
  }

  /**
   * Opens the ledger of a mailbox and locks it. Rejects with `POP3_MAILBOX_BUSY` if another run holds it, in
   * this process or in any other. Rejects with `POP3_LEDGER` if the journal cannot be read or is damaged. The
   * error is temporary if the disk is full or does not work.
   */
  async open(mailbox: string, options: LedgerOpenOptions = {}): Promise<MailboxLedger> {
    checkText("mailbox", mailbox, argumentError);
    checkOpenOptions(options);
    const { signal } = options;
    throwIfAborted(signal);
    return explained(`cannot open the ledger of ${printable(mailbox)}`, async () => {
      const lock = await this.#files.take(mailbox);
      try {
        throwIfAborted(signal);
        return await FileMailbox.open(mailbox, this.#files.paths(mailbox), lock);
      } catch (error) {
        await lock.release();
        throw error;
      }
    });
  }

  /**
   * Reads what is known of a mailbox now, even if a run holds it. Locks, creates and changes nothing. The
   * result is empty if the mailbox is not known. Rejects with `POP3_LEDGER` if the journal cannot be read, is
   * damaged, or was written by a newer version.
   */
  async read(mailbox: string): Promise<LedgerSnapshot> {
    checkText("mailbox", mailbox, argumentError);
    return explained(`cannot read the ledger of ${printable(mailbox)}`, async () => {
      return (await readSnapshot(mailbox, this.#files.paths(mailbox))).snapshot;
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

  /**
   * Lists the known mailboxes, sorted by the names of their files. Files that are not journals are left out.
   * The state of a damaged ledger is empty: {@link FileLedger.read} tells what is wrong with it. Rejects with
   * `POP3_LEDGER` if the directory cannot be read.
   *
   * @example
   * ```ts
   * for await (const { mailbox, state, held } of ledger.mailboxes()) console.log(mailbox, state.lastRun, held);
   * ```
   */
  async *mailboxes(): AsyncGenerator<LedgerMailbox, void, undefined> {
    const files = new Set(await explained("cannot list the ledgers", () => this.#files.list()));
    for (const file of [...files].sort()) {
      if (!file.endsWith(KINDS.journal)) continue;
      const name = file.slice(0, -KINDS.journal.length);
      const paths = this.#files.pathsOf(name);
      const found = await readNamedState(paths);
      // A copy that someone made by hand has another name: `open` would not find it.
      if (found === undefined || fileName(found.mailbox) !== name) continue;
      const held =
        files.has(`${name}${KINDS.lock}`) &&
        (await Lock.isHeld(paths.lock, this.#files.times).catch(() => true));
      yield { ...found, held };
    }
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
    await explained(`cannot rename the ledger of ${printable(from)} to ${printable(to)}`, async () => {
      const [old, next] = [this.#files.paths(from), this.#files.paths(to)];
      const none = noLedger(from, ` in ${printable(this.directory)}`);
      if (!(await readSnapshot(from, old)).exists) throw none;
      await this.#files.holding([from, to], async ({ confirm, ours }) => {
        const source = await readSnapshot(from, old, ours);
        if (!source.exists) throw none;
        const target = await readSnapshot(to, next, ours);
        const contents = renamed(from, to, source.snapshot, target.snapshot);
        await replaceFile(next.journal, encodeJournal(to, contents), { confirm });
        await this.#files.forgetState(to, ours);
        await confirm();
        // First the journal: without the state file it would differ from the new one, and if the process died
        // here, the call could not be repeated.
        await rm(old.journal);
        await this.#files.forgetState(from, ours);
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
    return explained(`cannot delete the ledger of ${printable(mailbox)}`, async () => {
      const { journal } = this.#files.paths(mailbox);
      const name = fileName(mailbox);
      const files = (await this.#files.list()).filter((file) =>
        [`${name}${KINDS.journal}`, `${name}${KINDS.state}`].includes(file),
      );
      if (files.length === 0) return false;
      await this.#files.holding([mailbox], async ({ confirm, ours }) => {
        const header = await readJournalHeader(journal).catch(() => undefined);
        await confirm();
        await this.#files.forgetState(mailbox, ours);
        if (header?.keyName === undefined) {
          await rm(journal, { force: true });
          await syncDirectory(this.directory);
          return;
        }
        // Keep the name in its keys. Otherwise the destination would store every message a second time.
        const { keyName } = header;
        const nothing = encodeJournal(mailbox, { entries: new Map(), state: {}, keyName });
        await replaceFile(journal, nothing, { confirm });
      });
      return files.includes(`${name}${KINDS.journal}`);
    });
  }
}
