// A ledger in memory: for tests, and for programs that need not remember what they fetched after they end.
import { Pop3Error } from "../../errors.ts";
import { throwIfAborted } from "../../net/failures.ts";
import { argumentError, checkText } from "../../options/checks.ts";
import { printable } from "../../protocol/printable.ts";
import { releaseMessages } from "./another-try.ts";
import { applyChanges } from "./changes.ts";
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
import { checkOpenOptions } from "./open-options.ts";
import { checkNames, noLedger, renamed } from "./renaming.ts";

interface Kept {
  readonly entries: Map<string, LedgerEntry>;
  state: MailboxState;
  readonly keyName: string | undefined;
  held: boolean;
}

const nothing = (keyName?: string): Kept => ({
  entries: new Map(),
  state: {},
  keyName,
  held: false,
});

/**
 * Remembers which messages were fetched, as long as this object exists.
 *
 * @example
 * ```ts
 * await fetchMail(account, { ledger: new MemoryLedger(), destination });
 * ```
 */
export class MemoryLedger implements Ledger {
  readonly #mailboxes: Map<string, Kept> = new Map();
  /** The last fence, of all mailboxes: it grows although a mailbox is deleted. */
  #fence = 0n;

  async open(mailbox: string, options: LedgerOpenOptions = {}): Promise<MailboxLedger> {
    checkText("mailbox", mailbox, argumentError);
    checkOpenOptions(options);
    throwIfAborted(options.signal);
    let kept = this.#mailboxes.get(mailbox);
    if (kept === undefined) {
      kept = nothing();
      this.#mailboxes.set(mailbox, kept);
    }
    this.#checkFree(mailbox);
    kept.held = true;
    return Promise.resolve(new MemoryMailbox(kept, ++this.#fence));
  }

  /** Reads what is known of a mailbox now, even if a run holds it. */
  async read(mailbox: string): Promise<LedgerSnapshot> {
    checkText("mailbox", mailbox, argumentError);
    const { entries, state, keyName } = this.#mailboxes.get(mailbox) ?? nothing();
    const snapshot = { entries: new Map(entries), state };
    return Promise.resolve(keyName === undefined ? snapshot : { ...snapshot, keyName });
  }

  /** Makes failed messages due again, as {@link FileLedger.release} does. */
  release(mailbox: string, id?: string): Promise<readonly LedgerEntry[]> {
    return releaseMessages(this, mailbox, id);
  }

  /** Lists the known mailboxes, sorted by name. */
  async *mailboxes(): AsyncGenerator<LedgerMailbox, void, undefined> {
    for (const mailbox of [...this.#mailboxes.keys()].sort()) {
      const { state, held } = this.#mailboxes.get(mailbox) ?? nothing();
      yield await Promise.resolve({ mailbox, state, held });
    }
  }

  /** Renames the ledger of a mailbox, as {@link FileLedger.rename} does. */
  async rename(from: string, to: string): Promise<void> {
    checkNames(from, to);
    for (const name of [from, to]) this.#checkFree(name);
    if (!this.#mailboxes.has(from)) throw noLedger(from, "");
    const { entries, state, keyName } = renamed(from, to, await this.read(from), await this.read(to));
    this.#mailboxes.set(to, { ...nothing(keyName), entries: new Map(entries), state });
    this.#mailboxes.delete(from);
  }

  /** Forgets everything about a mailbox, as {@link FileLedger.delete} does. */
  async delete(mailbox: string): Promise<boolean> {
    checkText("mailbox", mailbox, argumentError);
    this.#checkFree(mailbox);
    const kept = this.#mailboxes.get(mailbox);
    if (kept?.keyName === undefined) this.#mailboxes.delete(mailbox);
    else this.#mailboxes.set(mailbox, nothing(kept.keyName));
    return Promise.resolve(kept !== undefined);
  }

  #checkFree(mailbox: string): void {
    if (this.#mailboxes.get(mailbox)?.held === true)
      throw new Pop3Error("POP3_MAILBOX_BUSY", `another run is fetching the mail of ${printable(mailbox)}`);
  }
}

class MemoryMailbox implements MailboxLedger {
  readonly state: MailboxState;
  readonly fence: bigint;
  /** The process that has this ledger in memory cannot die without it. */
  readonly takenOver = false;
  readonly lost: AbortSignal = new AbortController().signal;
  readonly #kept: Kept;
  #open = true;

  constructor(kept: Kept, fence: bigint) {
    this.#kept = kept;
    this.state = kept.state;
    this.fence = fence;
  }

  load(): Promise<Map<string, LedgerEntry>> {
    return Promise.resolve(new Map(this.#kept.entries));
  }

  get keyName(): string | undefined {
    return this.#kept.keyName;
  }

  record(changes: LedgerChanges): Promise<void> {
    if (!this.#open)
      return Promise.reject(
        new Pop3Error("POP3_LEDGER", "the ledger of the mailbox was closed: call open() again"),
      );
    this.#kept.state = applyChanges(this.#kept.entries, this.#kept.state, changes);
    return Promise.resolve();
  }

  async close(changes: LedgerChanges = {}): Promise<void> {
    if (!this.#open) return;
    await this.record(changes);
    this.#kept.held = false;
    this.#open = false;
  }
}
