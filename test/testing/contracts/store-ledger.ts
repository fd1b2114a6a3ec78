// A correct ledger over a store in memory that several processes could share, with leases; and flaws that can be built in,
// so that the contract has something to find.
import { setImmediate as turn } from "node:timers/promises";
import { Pop3AbortError, Pop3Error } from "../../../src/index.ts";
import {
  LedgerError,
  type Ledger,
  type LedgerChanges,
  type LedgerEntry,
  type LedgerMailbox,
  type LedgerOpenOptions,
  type LedgerSnapshot,
  type MailboxLedger,
  type MailboxState,
} from "../../../src/fetch/index.ts";

/** What an author may get wrong. */
export type LedgerFlaw =
  | "the fence is always the same"
  | "the fence begins again after delete"
  | "a stale run writes"
  | "load gives the live Map"
  | "the state is live"
  | "close forgets its changes"
  | "two holders"
  | "record in two steps"
  | "half of a torn write counts"
  | "open ignores its signal"
  | "an aborted open keeps the mailbox"
  | "the state is merged"
  | "an entry is merged"
  | "unknown fields are dropped"
  | "names without case"
  | "the second close releases the next run"
  | "a failed close keeps the mailbox"
  | "a failed record is half made"
  | "takenOver is always false"
  | "takenOver after a good close"
  | "lost is never aborted"
  | "lost without a reason"
  | "read holds the mailbox"
  | "read makes a mailbox known"
  | "read gives the live Map"
  | "rename loses the keyName"
  | "rename overwrites"
  | "delete ignores the holder"
  | "records out of order"
  | "close does not wait"
  | "NUL is cut"
  | "half a character is replaced"
  | "each process has a store of its own"
  | "numbers are rounded"
  | "busy without a code"
  | "a failure without a code"
  | "open waits for the holder"
  | "record after close"
  | "a stale close releases the mailbox"
  | "mailboxes never held"
  | "confirm always rejects";

interface Row {
  entries: Map<string, LedgerEntry>;
  state: MailboxState;
  keyName: string | undefined;
  holder: object | undefined;
  expired: boolean;
  /** What there was before the last write. */
  before: Pick<Row, "entries" | "state"> | undefined;
}

/** What a database would have. */
export class Store {
  readonly rows: Map<string, Row> = new Map();
  /** One counter for all mailboxes: a deleted one does not begin again. */
  fences = 0n;
  isFull = false;

  row(mailbox: string): Row {
    let row = this.rows.get(mailbox);
    if (row === undefined) {
      const kept = { entries: new Map<string, LedgerEntry>(), state: {}, keyName: undefined };
      row = { ...kept, holder: undefined, expired: false, before: undefined };
      this.rows.set(mailbox, row);
    }
    return row;
  }

  expire(mailbox: string): void {
    this.row(mailbox).expired = true;
  }

  /** Undoes the last write, as a database does after a crash in it. */
  tear(mailbox: string, flaw: LedgerFlaw | undefined): void {
    const row = this.row(mailbox);
    if (row.before === undefined) return;
    row.entries = row.before.entries;
    if (flaw !== "half of a torn write counts") row.state = row.before.state;
  }
}

const busy = (mailbox: string): Pop3Error =>
  new Pop3Error("POP3_MAILBOX_BUSY", `another run is fetching the mail of ${mailbox}`);

export class StoreLedger implements Ledger {
  readonly store: Store;
  readonly flaw: LedgerFlaw | undefined;

  constructor(store: Store = new Store(), flaw?: LedgerFlaw) {
    this.store = store;
    this.flaw = flaw;
  }

  async open(mailbox: string, { signal }: LedgerOpenOptions = {}): Promise<MailboxLedger> {
    const { flaw, store } = this;
    const name = flaw === "names without case" ? mailbox.toLowerCase() : mailbox;
    if (flaw !== "open ignores its signal" && signal?.aborted === true)
      throw new Pop3AbortError(signal.reason);
    await turn();
    const row = store.row(name);
    while (flaw === "open waits for the holder" && row.holder !== undefined && !row.expired) await turn();
    if (row.holder !== undefined && !row.expired)
      throw flaw === "busy without a code" ? new Error("busy") : busy(mailbox);
    if (flaw === "two holders") await turn();
    const takenOver = row.holder !== undefined || flaw === "takenOver after a good close";
    const fence = flaw === "the fence is always the same" ? 7n : ++store.fences;
    const held = new StoreMailbox(
      store,
      name,
      fence,
      takenOver && flaw !== "takenOver is always false",
      flaw,
    );
    row.holder = held;
    row.expired = false;
    await turn();
    if (flaw !== "open ignores its signal" && signal?.aborted === true) {
      if (flaw !== "an aborted open keeps the mailbox") await held.close();
      throw new Pop3AbortError(signal.reason);
    }
    return held;
  }

  async read(mailbox: string): Promise<LedgerSnapshot> {
    await turn();
    const name = this.flaw === "names without case" ? mailbox.toLowerCase() : mailbox;
    if (this.flaw === "read makes a mailbox known") this.store.row(name);
    const row = this.store.rows.get(name);
    if (row === undefined) return { entries: new Map(), state: {} };
    if (this.flaw === "read holds the mailbox") row.holder ??= {};
    const entries = this.flaw === "read gives the live Map" ? row.entries : new Map(row.entries);
    return { entries, state: row.state, keyName: row.keyName };
  }

  async *mailboxes(): AsyncGenerator<LedgerMailbox, void, undefined> {
    for (const [mailbox, { state, holder }] of this.store.rows) {
      await turn();
      yield { mailbox, state, held: holder !== undefined && this.flaw !== "mailboxes never held" };
    }
  }

  async delete(mailbox: string): Promise<boolean> {
    await turn();
    if (this.flaw !== "delete ignores the holder") this.#checkFree(mailbox);
    if (this.flaw === "the fence begins again after delete") this.store.fences = 0n;
    return this.store.rows.delete(mailbox);
  }

  async rename(from: string, to: string): Promise<void> {
    await turn();
    this.#checkFree(from);
    this.#checkFree(to);
    const row = this.store.rows.get(from);
    if (row === undefined) throw new LedgerError(`there is no ledger of ${from}`);
    if ((this.store.rows.get(to)?.entries.size ?? 0) > 0 && this.flaw !== "rename overwrites")
      throw new LedgerError(`the ledger of ${to} already knows messages`);
    if (this.flaw !== "rename loses the keyName") row.keyName ??= from;
    this.store.rows.set(to, row);
    this.store.rows.delete(from);
  }

  #checkFree(mailbox: string): void {
    const row = this.store.rows.get(mailbox);
    if (row?.holder !== undefined && !row.expired) throw busy(mailbox);
  }
}

/** The fields that this version knows. */
const KNOWN = ["id", "status", "firstSeen", "size", "headers", "tries", "failures", "retryAt"];
const KNOWN_TOO = ["reason", "failedAt", "goneSince"];

class StoreMailbox implements MailboxLedger {
  readonly #state: MailboxState;
  readonly keyName: string | undefined;
  readonly fence: bigint;
  readonly takenOver: boolean;
  readonly #store: Store;
  readonly #row: Row;
  readonly #flaw: LedgerFlaw | undefined;
  readonly #lost: AbortController = new AbortController();
  readonly #heartbeat: NodeJS.Timeout;
  #queue: Promise<void> = Promise.resolve();
  #closed = false;
  #released = false;

  constructor(
    store: Store,
    mailbox: string,
    fence: bigint,
    takenOver: boolean,
    flaw: LedgerFlaw | undefined,
  ) {
    const row = store.row(mailbox);
    this.#store = store;
    this.#row = row;
    this.#state = row.state;
    this.#flaw = flaw;
    this.keyName = row.keyName;
    this.fence = fence;
    this.takenOver = takenOver;
    this.#heartbeat = setInterval(() => void this.#isOurs(), 5).unref();
  }

  get state(): MailboxState {
    return this.#flaw === "the state is live" ? this.#row.state : this.#state;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async load(): Promise<Map<string, LedgerEntry>> {
    await turn();
    return this.#flaw === "load gives the live Map" ? this.#row.entries : new Map(this.#row.entries);
  }

  record(changes: LedgerChanges): Promise<void> {
    if (this.#closed && this.#flaw !== "record after close")
      return Promise.reject(new LedgerError("the ledger of the mailbox was closed"));
    if (this.#flaw === "records out of order" && changes.state?.lastRun === 199)
      return turn()
        .then(turn)
        .then(() => this.#write(changes));
    const written = this.#queue.then(() => this.#write(changes));
    this.#queue = written.catch(() => undefined);
    return written;
  }

  async confirm(): Promise<void> {
    await turn();
    if (this.#flaw === "confirm always rejects" || !this.#isOurs()) throw this.#leaseLost();
  }

  async close(changes: LedgerChanges = {}): Promise<void> {
    if (this.#released && this.#flaw === "the second close releases the next run")
      this.#row.holder = undefined;
    if (this.#closed) return;
    const recorded = this.#flaw === "close forgets its changes" ? Promise.resolve() : this.record(changes);
    this.#closed = true;
    clearInterval(this.#heartbeat);
    try {
      if (this.#flaw === "close does not wait") recorded.catch(() => undefined);
      else {
        await this.#queue;
        await recorded;
      }
    } catch (error) {
      if (this.#flaw === "a failed close keeps the mailbox") throw error;
      this.#release();
      throw error;
    }
    this.#release();
  }

  #release(): void {
    this.#released = true;
    if (this.#row.holder === this || this.#flaw === "a stale close releases the mailbox")
      this.#row.holder = undefined;
  }

  async #write(changes: LedgerChanges): Promise<void> {
    await turn();
    const row = this.#row;
    const flaw = this.#flaw;
    const isCareless = flaw === "a stale run writes" || flaw === "record after close";
    if (!this.#isOurs() && !isCareless) throw this.#leaseLost();
    const isEmpty = !changes.entries?.length && !changes.forgotten?.length && changes.state === undefined;
    if (isEmpty) return;
    const entries =
      flaw === "load gives the live Map" || flaw === "read gives the live Map"
        ? row.entries
        : new Map(row.entries);
    row.before = { entries: new Map(row.entries), state: row.state };
    for (const entry of changes.entries ?? []) {
      const kept = this.#kept(entry);
      entries.set(kept.id, kept);
    }
    for (const id of changes.forgotten ?? []) entries.delete(this.#id(id));
    const state =
      flaw === "the state is merged" ? { ...row.state, ...changes.state } : (changes.state ?? row.state);
    if (this.#store.isFull) {
      if (flaw === "a failed record is half made") row.entries = entries;
      throw flaw === "a failure without a code" ? new Error("full") : new LedgerError("the store is full");
    }
    row.entries = entries;
    if (flaw === "record in two steps") await turn();
    row.state = this.#rounded(state);
  }

  #kept(entry: LedgerEntry): LedgerEntry {
    const kept = { ...entry, id: this.#id(entry.id) };
    if (this.#flaw === "an entry is merged") return { ...this.#row.entries.get(entry.id), ...kept };
    if (this.#flaw !== "unknown fields are dropped") return kept;
    const known = Object.entries(kept).filter(([name]) => [...KNOWN, ...KNOWN_TOO].includes(name));
    return Object.fromEntries(known) as unknown as LedgerEntry;
  }

  #id(id: string): string {
    if (this.#flaw === "half a character is replaced") return Buffer.from(id).toString();
    return this.#flaw === "NUL is cut" ? id.replace("\0", "") : id;
  }

  #rounded(state: MailboxState): MailboxState {
    const { interval } = state;
    return this.#flaw === "numbers are rounded" && interval !== undefined
      ? { ...state, interval: Math.round(interval) }
      : state;
  }

  #isOurs(): boolean {
    const isOurs = this.#row.holder === this;
    if (isOurs || this.#closed) return isOurs;
    clearInterval(this.#heartbeat);
    if (this.#flaw === "lost without a reason") this.#lost.abort();
    else if (this.#flaw !== "lost is never aborted") this.#lost.abort(this.#leaseLost());
    return false;
  }

  #leaseLost(): LedgerError {
    return new LedgerError("another run has taken over the mailbox", { leaseLost: true });
  }
}
