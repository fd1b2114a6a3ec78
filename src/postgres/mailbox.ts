// A mailbox that a run holds. Its operations are made in order, and each write checks in its statement or transaction
// that the run still has the lease.
import { between, moment, type Moment } from "../fetch/files/moment.ts";
import { LedgerError } from "../fetch/ledger/ledger-error.ts";
import type { LedgerChanges, LedgerEntry, MailboxLedger, MailboxState } from "../fetch/ledger/ledger.ts";
import { GROUP, Refusal } from "../store/handler.ts";
import { isIdleChange } from "../store/idle-change.ts";
import { leaseLost, notRenewed } from "../store/lease.ts";
import type { LeaseTimes } from "../store/lease-times.ts";
import { merged } from "./changes.ts";
import { deliverTogether, Failed, type PendingDelivery } from "./deliveries.ts";
import { ledgerFailure, UnknownOutcome } from "./failures.ts";
import type { PgPoolLike } from "./pool.ts";
import type { Holder, Tables, Taken } from "./tables.ts";
import { Turns, type Operation } from "./turns.ts";

/** What a mailbox uses of its store. */
export interface MailboxContext extends LeaseTimes {
  readonly pool: PgPoolLike;
  readonly tables: Tables;
  /** Called when the mailbox is closed. `isFree`: whether the database knows that. */
  readonly released: (mailbox: PostgresMailbox, isFree: boolean) => void;
}

type Work =
  | { readonly kind: "record"; readonly changes: LedgerChanges }
  | { readonly kind: "close"; readonly changes: LedgerChanges }
  | { readonly kind: "deliver"; readonly delivery: PendingDelivery }
  | { readonly kind: "load" };

export class PostgresMailbox implements MailboxLedger {
  readonly mailbox: string;
  readonly state: MailboxState;
  readonly keyName: string | undefined;
  readonly takenOver: boolean;
  readonly holder: Holder;
  readonly #context: MailboxContext;
  readonly #lost: AbortController = new AbortController();
  readonly #turns: Turns<Work> = new Turns<Work>((operations) => this.#step(operations), areTogether);
  /** The state as recorded last. */
  #recorded: MailboxState;
  /** When the lease was last renewed. */
  #renewed: Moment;
  /** When the database last said that this run holds the mailbox. */
  #confirmed: Moment;
  /** The number of entries that were recorded. */
  #entries = 0;
  /** After a failure, nothing more is recorded. */
  #failure: unknown;
  #closing: Promise<void> | undefined;

  /** `asked`: when the mailbox was asked for. The lease lasts longer than from then on. */
  constructor(context: MailboxContext, mailbox: string, taken: Taken, asked: Moment) {
    this.mailbox = mailbox;
    this.state = this.#recorded = taken.state;
    this.keyName = taken.keyName;
    this.takenOver = taken.takenOver;
    this.holder = taken.holder;
    this.#context = context;
    this.#renewed = this.#confirmed = asked;
  }

  get fence(): bigint {
    return this.holder.fence;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Whether this run has released the mailbox, or is about to. */
  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  load(): Promise<Map<string, LedgerEntry>> {
    return this.#explained("read", this.#turns.add({ kind: "load" }));
  }

  async record(changes: LedgerChanges): Promise<void> {
    this.#checkOpen();
    await this.#explained("write", this.#turns.add({ kind: "record", changes }));
  }

  /**
   * Records the entry of a message in the transaction in which `store` stores the message. Resolves with `"known"`
   * if the message was delivered before; then `store` is not called. Rejects with {@link Refusal} if `store` rejects.
   * Not even then is anything of the message or the entry kept.
   */
  async deliver(delivery: PendingDelivery): Promise<"new" | "known"> {
    this.#checkOpen();
    return this.#turns.add({ kind: "deliver", delivery });
  }

  /** Asks the database, unless it has confirmed the lease within the last heartbeat. */
  async confirm(): Promise<void> {
    const { pool, tables, heartbeat } = this.#context;
    this.expire(undefined);
    this.#checkHeld();
    const now = moment();
    if (between(this.#confirmed, now) <= heartbeat) return;
    const isHeld = await this.#explained("read", tables.isHeld(pool, this.holder));
    if (!isHeld) throw this.takenAway();
    this.expire(undefined);
    this.#checkHeld();
    this.#confirmed = now;
  }

  close(changes: LedgerChanges = {}): Promise<void> {
    this.#closing ??= this.#close(changes);
    return this.#closing;
  }

  /** Resolves when everything is written. */
  settled(): Promise<void> {
    return this.#turns.settled();
  }

  /** The lease was renewed with a statement that was sent at this time. */
  renewed(at: Moment): void {
    this.#renewed = this.#confirmed = at;
  }

  /**
   * Gives up the mailbox if its lease was not renewed in time, by a clock that cannot be set. That clock may stop while
   * the machine sleeps: then {@link confirm} asks the database.
   */
  expire(cause: unknown): void {
    const age = moment().steady - this.#renewed.steady;
    if (age >= this.#context.stale) this.lose(notRenewed(this.mailbox, cause));
  }

  /** Gives up the mailbox because another run has it. */
  takenAway(): LedgerError {
    return this.lose(leaseLost(this.mailbox, "another run has taken over the mailbox"));
  }

  /** Gives up the mailbox. */
  lose(reason: LedgerError): LedgerError {
    this.#lost.abort(reason);
    return this.lost.reason as LedgerError;
  }

  async #close(changes: LedgerChanges): Promise<void> {
    const { pool, tables, released } = this.#context;
    let isFree = true;
    try {
      await this.#explained("write", this.#turns.add({ kind: "close", changes }));
    } catch (error) {
      if (!this.lost.aborted) await tables.release(pool, this.holder).catch(() => (isFree = false));
      throw error;
    } finally {
      released(this, isFree);
    }
  }

  /** Executes operations of one kind. */
  async #step(operations: readonly Operation<Work>[]): Promise<void> {
    const works = operations.map(({ work }) => work);
    const [first] = works;
    switch (first?.kind) {
      case "load": {
        const { pool, tables } = this.#context;
        for (const { resolve } of operations) resolve(await tables.entries(pool, this.holder.id));
        return;
      }
      case "deliver":
        await this.#deliver(operations);
        return;
      default:
        await this.#write(
          works.flatMap((work) => ("changes" in work ? [work.changes] : [])),
          works.at(-1)?.kind === "close",
        );
        for (const { resolve } of operations) resolve();
    }
  }

  async #write(all: readonly LedgerChanges[], release: boolean): Promise<void> {
    const { pool, tables } = this.#context;
    const durable = !all.every((changes) => isIdleChange(this.#recorded, changes));
    this.#checkUsable();
    const changes = merged(all);
    const asked = moment();
    try {
      const writing = { place: this.#entries, release, durable };
      if (!(await tables.write(pool, this.holder, changes, writing))) throw this.takenAway();
    } catch (error) {
      this.#failure ??= error;
      throw error;
    }
    this.#entries += changes.put.size;
    this.#recorded = changes.state ?? this.#recorded;
    this.#confirmed = asked;
  }

  async #deliver(operations: readonly Operation<Work>[]): Promise<void> {
    this.#checkUsable();
    const { pool, tables, stale } = this.#context;
    const { holder } = this;
    const messages = operations.flatMap(({ work }) => ("delivery" in work ? [work.delivery] : []));
    const lost = (): LedgerError => this.takenAway();
    const asked = moment();
    const place = this.#entries;
    this.#entries += messages.length;
    try {
      const outcomes = await deliverTogether({ pool, tables, holder, stale, place, lost }, messages);
      this.#confirmed = asked;
      for (const [at, { resolve, reject }] of operations.entries()) {
        const outcome = outcomes[at];
        if (outcome instanceof Failed) reject(this.#failed(outcome.cause));
        else if (outcome instanceof Refusal) reject(outcome);
        else resolve(outcome);
      }
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** If it is not known whether entries are there, the run must not replace them by what it believes. */
  #failed(error: unknown): Error {
    if (error instanceof UnknownOutcome) this.#failure ??= error;
    return error as Error;
  }

  /** Throws if an earlier change was not recorded, or if another run holds the mailbox. */
  #checkUsable(): void {
    if (this.#failure !== undefined) throw this.#failure as Error;
    this.#checkHeld();
  }

  #checkHeld(): void {
    if (this.lost.aborted) throw this.lost.reason;
  }

  #checkOpen(): void {
    if (this.#closing !== undefined)
      throw new LedgerError("the ledger of the mailbox was closed: call open() again");
  }

  async #explained<T>(verb: "read" | "write", work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw ledgerFailure(`cannot ${verb} the ledger of ${this.mailbox}`, error);
    }
  }
}

/** Whether an operation is made in the same step as those before it. */
function areTogether(works: readonly Work[], next: Work): boolean {
  const last = works.at(-1) as Work;
  if (last.kind === "record") return next.kind === "record" || next.kind === "close";
  if (last.kind !== "deliver" || next.kind !== "deliver") return false;
  const { id } = next.delivery.entry;
  // One statement cannot write an entry twice.
  return (
    works.length < GROUP.messages &&
    works.every((work) => "delivery" in work && work.delivery.entry.id !== id)
  );
}
