// A ledger in a directory: for each mailbox a journal, and a lock beside it while a run is under way.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Pop3Error } from "../../errors.ts";
import { config, numbers } from "../../option-checks.ts";
import { isTemporaryOf, makeDirectory } from "../durable.ts";
import { removeName } from "../own-file.ts";
import { applyChanges } from "./changes.ts";
import { fileName } from "./file-name.ts";
import { Journal, readJournal } from "./journal.ts";
import type { JournalContents } from "./journal-contents.ts";
import { encodeRecord } from "./journal-line.ts";
import type {
  Ledger,
  LedgerChanges,
  LedgerEntry,
  LedgerSnapshot,
  MailboxLedger,
  MailboxState,
} from "./ledger.ts";
import { isClaim } from "./lock-file.ts";
import { Lock, type LockTimes } from "./lock.ts";

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
      throw config("the directory of a ledger is a path");
    this.directory = directory;
    this.#times = numbers("ledger", DEFAULTS, options);
    const { heartbeat, stale } = this.#times;
    if (heartbeat < 1 || heartbeat > LONGEST || heartbeat >= stale)
      throw config(`ledger.heartbeat is from 1 to ${String(LONGEST)}, and less than ledger.stale`);
  }

  /**
   * Takes the ledger of a mailbox. Rejects with `POP3_MAILBOX_BUSY` where another run holds it, in this process or
   * any other, and with `POP3_LEDGER` where the journal cannot be read or written, or is damaged.
   */
  async open(mailbox: string): Promise<MailboxLedger> {
    return explained(`cannot open the ledger of ${mailbox}`, async () => {
      await makeDirectory(this.directory);
      await this.#tidy();
      const lock = await Lock.take(this.#path(mailbox, "lock"), this.#times);
      if (lock === undefined)
        throw new Pop3Error("POP3_MAILBOX_BUSY", `another run is fetching the mail of ${mailbox}`);
      try {
        if (lock.takenOver) await this.#sweep(mailbox, lock);
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

  async #remove(isLeftover: (name: string) => boolean): Promise<void> {
    for (const name of await readdir(this.directory)) {
      if (isLeftover(name)) await removeName(join(this.directory, name));
    }
  }
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
