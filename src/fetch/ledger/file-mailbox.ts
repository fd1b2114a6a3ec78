// The ledger of one mailbox in files: its journal, its state file, and the lock that this process holds. A poll that
// finds nothing new reads and writes the state file alone.
import type { BigIntStats } from "node:fs";
import { printable } from "../../protocol/printable.ts";
import { nextFence } from "../files/fence.ts";
import type { Lock } from "../files/lock.ts";
import { isOwn } from "../files/own-file.ts";
import { explained, explanation } from "./explained.ts";
import { Journal, ledgerForm, readJournal } from "./journal.ts";
import type { JournalContents } from "./journal-contents.ts";
import { encodeRecord } from "./journal-line.ts";
import { isMarked, lookAt, type JournalMark } from "./journal-mark.ts";
import type { MailboxPaths } from "./ledger-directory.ts";
import { LedgerError } from "./ledger-error.ts";
import type { LedgerChanges, LedgerEntry, MailboxLedger, MailboxState } from "./ledger.ts";
import { isSoft, StateFile } from "./state-file.ts";

/** What is known of a mailbox when it is found. */
interface Found {
  readonly state: MailboxState;
  readonly keyName: string | undefined;
  readonly mark: JournalMark | undefined;
  /** The entries, if the journal had to be read. */
  readonly entries: Map<string, LedgerEntry> | undefined;
  /** Whether the last line of the journal about the state says the same as `state`. */
  readonly isInJournal: boolean;
  /** See {@link JournalContents.wasRunning}. */
  readonly wasRunning: boolean;
}

export class FileMailbox implements MailboxLedger {
  readonly state: MailboxState;
  readonly keyName: string | undefined;
  readonly fence: bigint;
  readonly takenOver: boolean;
  readonly #mailbox: string;
  readonly #journal: Journal<JournalContents>;
  readonly #stateFile: StateFile;
  readonly #lock: Lock;
  /** The entries, if the journal was read already, until they are asked for or change. */
  #entries: Map<string, LedgerEntry> | undefined;
  /** The state as it was recorded last. */
  #current: MailboxState;
  /** Whether the last line of the journal about the state says the same. */
  #isInJournal: boolean;
  /**
   * Whether something must be recorded before the mailbox is released, even if nothing changes: the former run may
   * still append to a journal that was taken over, or the journal says that it is under way.
   */
  #mustRecord: boolean;
  #closing: Promise<void> | undefined;

  private constructor(
    mailbox: string,
    found: Found,
    fence: bigint,
    journal: Journal<JournalContents>,
    stateFile: StateFile,
    lock: Lock,
  ) {
    this.#mailbox = mailbox;
    this.state = this.#current = found.state;
    this.keyName = found.keyName;
    this.fence = fence;
    this.takenOver = lock.fromCrash || found.wasRunning;
    this.#entries = found.entries;
    this.#isInJournal = found.isInJournal;
    this.#mustRecord = found.wasRunning || (lock.takenOver && found.mark !== undefined);
    this.#journal = journal;
    this.#stateFile = stateFile;
    this.#lock = lock;
  }

  /** Opens the files of a mailbox that `lock` holds. Rejects with system errors, and if the journal is damaged. */
  static async open(mailbox: string, paths: MailboxPaths, lock: Lock): Promise<FileMailbox> {
    const [stateFile, journalNow] = await Promise.all([
      StateFile.open(paths.state, lock.ours),
      // If this fails, reading the journal tells why.
      lookAt(paths.journal, lock.isLocal).catch(() => undefined),
    ]);
    try {
      const found = keptFor(mailbox, stateFile, lock, journalNow) ?? (await read(mailbox, paths, lock));
      const { kept } = stateFile;
      let { fence } = lock;
      const isFenceSmall = kept !== undefined && kept.fence >= fence;
      // If this process was stopped since it took the lock, the files may belong to another run by now.
      if (lock.takenOver || isFenceSmall) await lock.confirm();
      // The clock was put back, so the lock file has too small a fence. A run after a crash must know this one.
      if (isFenceSmall) fence = nextFence(kept.fence);
      const { state, keyName, mark } = found;
      const now = { mailbox, state, keyName, fence, mark: found.wasRunning ? undefined : mark };
      // The former run may still write to the file that it has open. If that file stays, it describes no journal soon:
      // after a take-over the journal is replaced.
      if (lock.takenOver && kept !== undefined)
        await stateFile.replace(now).catch((error: unknown) => {
          if (isFenceSmall) throw error;
        });
      else if (isFenceSmall) await stateFile.write(now);
      // A new journal says at once what only the state file has said about the old one.
      const form = ledgerForm(mailbox, found.state);
      const journal = new Journal(paths.journal, form, found.mark, lock);
      return new FileMailbox(mailbox, found, fence, journal, stateFile, lock);
    } catch (error) {
      await stateFile.close();
      throw error;
    }
  }

  get lost(): AbortSignal {
    return this.#lock.lost;
  }

  async load(): Promise<Map<string, LedgerEntry>> {
    // What a process wrote directly before it died can be read, and may not be on the disk. A new file is durable.
    if (this.#mustRecord) await this.#record({ state: this.#current });
    const entries = this.#entries;
    this.#entries = undefined;
    if (entries !== undefined) return entries;
    return explained(`cannot read the ledger of ${printable(this.#mailbox)}`, async () => {
      return (await this.#journal.read()).entries;
    });
  }

  async record(changes: LedgerChanges): Promise<void> {
    if (this.#closing !== undefined)
      throw new LedgerError("the ledger of the mailbox was closed: call open() again");
    await this.#record(changes);
  }

  confirm(): Promise<void> {
    return explained(`cannot confirm the lock ${printable(this.#lock.path)}`, () =>
      this.#lock.confirmIfOld(),
    );
  }

  close(changes: LedgerChanges = {}): Promise<void> {
    this.#closing ??= this.#close(changes);
    return this.#closing;
  }

  async #record(changes: LedgerChanges): Promise<void> {
    if (this.#journal.failure !== undefined) throw this.#journal.failure;
    const lines = encodeRecord(changes);
    if (lines.length === 0) return;
    // The entries may not be those of the state in the journal, so the first record brings that up to date.
    if (!this.#isInJournal && changes.state === undefined)
      lines.unshift(...encodeRecord({ state: this.#current }));
    if (changes.entries !== undefined || changes.forgotten !== undefined) this.#entries = undefined;
    this.#isInJournal = true;
    this.#mustRecord = false;
    this.#current = changes.state ?? this.#current;
    await this.#journal.append(lines);
  }

  async #close(changes: LedgerChanges): Promise<void> {
    let isConfirmed = false;
    try {
      isConfirmed = await this.#finish(changes);
    } finally {
      await Promise.all([this.#journal.close(), this.#stateFile.close()]);
      await this.#lock.release(isConfirmed);
    }
  }

  /** Records the last changes. Returns whether the lock was just confirmed. */
  async #finish(changes: LedgerChanges): Promise<boolean> {
    const hasChanges = encodeRecord(changes).length > 0;
    const isSoftChange = isSoft(this.#current, changes);
    if (!isSoftChange) await this.#record(changes);
    await this.#journal.settled().catch(() => undefined);
    if (this.#journal.failure !== undefined) {
      if (hasChanges) throw this.#journal.failure;
      return false;
    }
    if (isSoftChange && changes.state !== undefined) {
      this.#current = changes.state;
      this.#isInJournal = false;
    }
    if (this.#mustRecord || (hasChanges && !this.#journal.exists))
      await this.#record({ state: this.#current });
    // Without a journal there is nothing to describe.
    return this.#journal.exists && (await this.#writeState(hasChanges));
  }

  /** Writes the state file. Returns whether the lock was just confirmed. */
  async #writeState(hasChanges: boolean): Promise<boolean> {
    try {
      await this.#lock.confirm();
    } catch (error) {
      if (hasChanges) throw explanation(`cannot confirm the lock ${printable(this.#lock.path)}`, error);
      return false;
    }
    try {
      const mark = await this.#journal.mark();
      const { keyName, fence } = this;
      await this.#stateFile.write({ mailbox: this.#mailbox, state: this.#current, keyName, fence, mark });
    } catch {
      if (!this.#isInJournal) await this.#record({ state: this.#current });
    }
    return true;
  }
}

/** Returns what the state file says, if it describes the journal of this mailbox as it is now. */
function keptFor(
  mailbox: string,
  { kept }: StateFile,
  { ours }: Lock,
  journalNow: BigIntStats | undefined,
): Found | undefined {
  if (kept?.mark === undefined || kept.mailbox !== mailbox) return undefined;
  const { state, keyName, mark } = kept;
  if (journalNow === undefined || !isMarked(mark, journalNow)) return undefined;
  if (!journalNow.isFile() || !isOwn(journalNow, ours)) return undefined;
  return { state, keyName, mark, entries: undefined, isInJournal: false, wasRunning: false };
}

async function read(mailbox: string, paths: MailboxPaths, { ours }: Lock): Promise<Found> {
  const { contents, mark } = await readJournal(paths.journal, ledgerForm(mailbox), { ours });
  const { state, keyName, entries, wasRunning } = contents;
  return { state, keyName, mark, entries, isInJournal: !wasRunning, wasRunning };
}
