// A mailbox that a run holds. Each write checks in its transaction that the run still has the lease.
import { LedgerError } from "../fetch/ledger/ledger-error.ts";
import type { LedgerChanges, LedgerEntry, MailboxLedger, MailboxState } from "../fetch/ledger/ledger.ts";
import { isSettled } from "../fetch/plan/entry.ts";
import { isIdleChange } from "../store/idle-change.ts";
import { leaseLost, notRenewed } from "../store/lease.ts";
import { ledgerFailure } from "./failures.ts";
import type { Holder, StoredMailbox, Tables } from "./tables.ts";
import type { Transactions } from "./transactions.ts";

/** What a mailbox uses of its store. */
export interface MailboxContext {
  readonly tables: Tables;
  readonly transactions: Transactions;
  /** Milliseconds. */
  readonly stale: number;
  /** Called when the mailbox is closed. */
  readonly released: (mailbox: SqliteMailbox) => void;
}

export class SqliteMailbox implements MailboxLedger {
  readonly mailbox: string;
  readonly state: MailboxState;
  readonly keyName: string | undefined;
  readonly takenOver: boolean;
  readonly #context: MailboxContext;
  readonly #holder: Holder;
  readonly #lost: AbortController = new AbortController();
  /** The state as recorded last. */
  #recorded: MailboxState;
  /** When the lease ends, by `performance.now()`, a clock that cannot be set. */
  #until: number;
  /** The number of entries that were recorded. */
  #entries = 0;
  /** After a failure, nothing more is recorded. */
  #failure: unknown;
  #closing: Promise<void> | undefined;

  constructor(context: MailboxContext, stored: StoredMailbox, holder: Holder) {
    this.mailbox = stored.mailbox;
    this.state = stored.state;
    this.keyName = stored.keyName;
    this.takenOver = stored.token !== undefined;
    this.#recorded = stored.state;
    this.#context = context;
    this.#holder = holder;
    this.#until = performance.now() + context.stale;
  }

  get fence(): bigint {
    return this.#holder.fence;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  load(): Promise<Map<string, LedgerEntry>> {
    const { transactions, tables } = this.#context;
    // In a transaction, so that it comes after what was recorded before.
    return this.#explained("read", () =>
      transactions.run(() => tables.entries(this.#holder.id), { durable: false }),
    );
  }

  async record(changes: LedgerChanges): Promise<void> {
    this.#checkOpen();
    await this.#write(() => this.#change(changes));
  }

  /**
   * Records the entry of a message in the transaction in which `store` stores the message. Resolves with `"known"`
   * if the message was delivered before; then `store` is not called. Rejects with what `store` throws. Not even then
   * is anything of the message or the entry kept.
   */
  async deliver(entry: LedgerEntry, store: () => "new" | "known"): Promise<"new" | "known"> {
    this.#checkOpen();
    const { transactions, tables } = this.#context;
    const work = (): "new" | "known" => {
      this.#checkUsable();
      this.#checkHeld();
      const before = tables.entry(this.#holder.id, entry.id);
      if (before !== undefined && isSettled(before)) return "known";
      const stored = transactions.enclosed(store);
      this.#change({ entries: [entry] });
      return stored;
    };
    return transactions.run(work, { durable: true });
  }

  /** Reads only, so it costs no write, and each call can ask the database. */
  async confirm(): Promise<void> {
    await this.#explained("read", () => this.#context.transactions.read(() => this.#checkHeld()));
  }

  close(changes: LedgerChanges = {}): Promise<void> {
    this.#closing ??= this.#close(changes);
    return this.#closing;
  }

  async #close(changes: LedgerChanges): Promise<void> {
    const { transactions, tables, released } = this.#context;
    const work = (): void => {
      this.#change(changes);
      tables.release(this.#holder);
    };
    try {
      await this.#write(work, !isIdleChange(this.#recorded, changes));
    } catch (error) {
      await transactions.run(() => tables.release(this.#holder), { durable: false }).catch(() => undefined);
      throw error;
    } finally {
      released(this);
    }
  }

  /** Renews the lease, in a transaction. {@link renewed} must follow when it is committed. */
  renew(now: number): void {
    const { tables, stale } = this.#context;
    if (!tables.renew(this.#holder, now + stale)) this.#takenOverNow();
  }

  /** The lease was renewed at a time of `performance.now()`. */
  renewed(at: number): void {
    this.#until = at + this.#context.stale;
  }

  /** Gives up the mailbox if its lease was not renewed in time. */
  expire(cause: unknown): void {
    if (performance.now() < this.#until) return;
    this.#lose(notRenewed(this.mailbox, cause));
  }

  /** Gives up the mailbox, because the store is closed. The next run takes it over. */
  abandon(): void {
    const { tables } = this.#context;
    tables.renew(this.#holder, 0);
    this.#lose(leaseLost(this.mailbox, "the store was closed during the run"));
  }

  #change(changes: LedgerChanges): void {
    this.#checkHeld();
    this.#context.tables.change(this.#holder, changes, this.#entries);
    this.#entries += changes.entries?.length ?? 0;
    this.#recorded = changes.state ?? this.#recorded;
  }

  async #write(work: () => void, durable = true): Promise<void> {
    const guarded = (): void => {
      this.#checkUsable();
      work();
    };
    await this.#explained("write", async () => {
      try {
        await this.#context.transactions.run(guarded, { durable });
      } catch (error) {
        this.#failure ??= error;
        throw error;
      }
    });
  }

  /** Throws if an earlier change was not recorded. */
  #checkUsable(): void {
    if (this.#failure !== undefined) throw this.#failure as Error;
  }

  /** Throws if another run holds the mailbox. */
  #checkHeld(): void {
    if (this.lost.aborted) throw this.lost.reason;
    if (!this.#context.tables.isHeld(this.#holder)) throw this.#takenOverNow();
  }

  #takenOverNow(): LedgerError {
    return this.#lose(leaseLost(this.mailbox, "another run has taken over the mailbox"));
  }

  #lose(reason: LedgerError): LedgerError {
    this.#lost.abort(reason);
    return this.lost.reason as LedgerError;
  }

  #checkOpen(): void {
    if (this.#closing !== undefined)
      throw new LedgerError("the ledger of the mailbox was closed: call open() again");
  }

  async #explained<T>(verb: "read" | "write", work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw ledgerFailure(`cannot ${verb} the ledger of ${this.mailbox}`, error);
    }
  }
}
