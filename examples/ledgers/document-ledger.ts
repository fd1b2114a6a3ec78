// A ledger that keeps one document for each mailbox, in any store that can replace a document only if it has not changed:
// DynamoDB, etcd, Redis, a bucket with `If-Match`, or a table with a column for the version. It passes the contract of
// ledgers, and is written to be copied.
//
//   const ledger = new DocumentLedger(documents);
//   await fetchMail(account, { ledger, destination });
//
// Each change writes the whole document: good for mailboxes with up to some thousand messages.
import { randomUUID } from "node:crypto";
import { setInterval } from "node:timers";
import { Pop3AbortError, Pop3Error } from "popwright";
import {
  LedgerError,
  type Ledger,
  type LedgerChanges,
  type LedgerEntry,
  type LedgerOpenOptions,
  type LedgerSnapshot,
  type MailboxLedger,
  type MailboxState,
} from "popwright/fetch";

/** Your store. */
export interface Documents {
  /** Reads a document. `undefined` if there is no document of this name. */
  read(name: string): Promise<{ readonly text: string; readonly version: string } | undefined>;
  /**
   * Replaces a document if it still has this version. `undefined`: creates it if there is none. Resolves with whether
   * it was written.
   */
  write(name: string, text: string, version: string | undefined): Promise<boolean>;
}

/** What is in a document. */
interface Contents {
  readonly entries: readonly LedgerEntry[];
  readonly state: MailboxState;
  /** The fence of the last `open`. JSON has no bigint. */
  readonly fence: string;
  /** The run that holds the mailbox, and until when; milliseconds since 1970. */
  readonly holder?: string | undefined;
  readonly until: number;
}

const EMPTY: Contents = { entries: [], state: {}, fence: "0", until: 0 };

/** The times of the leases; milliseconds. The clocks of all hosts should agree to a few seconds. */
export interface LeaseTimes {
  /** How long a lease lasts that is not renewed. @default 60000 */
  readonly lease?: number;
  /** How often a lease is renewed. @default 10000 */
  readonly heartbeat?: number;
}

export class DocumentLedger implements Ledger {
  readonly documents: Documents;
  readonly #times: Required<LeaseTimes>;

  constructor(documents: Documents, { lease = 60_000, heartbeat = 10_000 }: LeaseTimes = {}) {
    this.documents = documents;
    this.#times = { lease, heartbeat };
  }

  async open(mailbox: string, { signal }: LedgerOpenOptions = {}): Promise<MailboxLedger> {
    checkAborted(signal);
    const document = new MailboxDocument(this.documents, mailbox);
    const holder = randomUUID();
    let takenOver = false;
    const contents = await document.change((before) => {
      if (before.holder !== undefined && before.until > Date.now())
        throw new Pop3Error("POP3_MAILBOX_BUSY", `another run is fetching the mail of ${mailbox}`);
      takenOver = before.holder !== undefined;
      const fence = String(BigInt(before.fence) + 1n);
      return { ...before, fence, holder, until: Date.now() + this.#times.lease };
    });
    const held = new HeldMailbox(document, contents, takenOver, this.#times);
    try {
      checkAborted(signal);
    } catch (error) {
      await held.close();
      throw error;
    }
    return held;
  }

  async read(mailbox: string): Promise<LedgerSnapshot> {
    const { contents } = await new MailboxDocument(this.documents, mailbox).read();
    return { entries: byId(contents.entries), state: contents.state };
  }
}

/** The document of one mailbox. */
class MailboxDocument {
  readonly #documents: Documents;
  readonly #name: string;

  constructor(documents: Documents, mailbox: string) {
    this.#documents = documents;
    this.#name = mailbox;
  }

  async read(): Promise<{ readonly contents: Contents; readonly version: string | undefined }> {
    const found = await asLedgerError(() => this.#documents.read(this.#name));
    return {
      contents: found === undefined ? EMPTY : (JSON.parse(found.text) as Contents),
      version: found?.version,
    };
  }

  /** Changes the document. Does so again if another process has changed it in the meantime. */
  async change(next: (before: Contents) => Contents): Promise<Contents> {
    for (;;) {
      const { contents, version } = await this.read();
      const changed = next(contents);
      const text = JSON.stringify(changed);
      if (await asLedgerError(() => this.#documents.write(this.#name, text, version))) return changed;
    }
  }
}

class HeldMailbox implements MailboxLedger {
  readonly state: MailboxState;
  readonly fence: bigint;
  readonly takenOver: boolean;
  readonly #document: MailboxDocument;
  readonly #holder: string | undefined;
  readonly #lease: number;
  readonly #lost: AbortController = new AbortController();
  readonly #heartbeat: NodeJS.Timeout;
  /** When the lease was last renewed, by a clock that is never set; milliseconds. */
  #renewed: number = performance.now();
  /** The changes are made one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(
    document: MailboxDocument,
    contents: Contents,
    takenOver: boolean,
    times: Required<LeaseTimes>,
  ) {
    this.#document = document;
    this.state = contents.state;
    this.fence = BigInt(contents.fence);
    this.takenOver = takenOver;
    this.#holder = contents.holder;
    this.#lease = times.lease;
    this.#heartbeat = setInterval(() => void this.#beat(), times.heartbeat).unref();
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async load(): Promise<Map<string, LedgerEntry>> {
    return byId((await this.#document.read()).contents.entries);
  }

  async record(changes: LedgerChanges): Promise<void> {
    if (this.#closing !== undefined) throw new LedgerError("the mailbox was closed: call open() again");
    await this.#change(changes, {});
  }

  /** Renews the lease, which fails if another run has taken it. */
  async confirm(): Promise<void> {
    await this.#change({}, {});
  }

  close(changes: LedgerChanges = {}): Promise<void> {
    this.#closing ??= this.#close(changes);
    return this.#closing;
  }

  async #close(changes: LedgerChanges): Promise<void> {
    clearInterval(this.#heartbeat);
    // One write for the changes and the release. Another run can take the mailbox only after it.
    const released = { holder: undefined, until: 0 };
    try {
      await this.#change(changes, released);
    } catch (error) {
      // The changes could not be written: release the mailbox in any case. If that fails, too, the lease runs out.
      await this.#change({}, released).catch(() => undefined);
      throw error;
    }
  }

  /** Makes changes after those before them, and renews the lease. */
  #change({ entries = [], forgotten = [], state }: LedgerChanges, lease: Partial<Contents>): Promise<void> {
    const changed = this.#last.then(async () => {
      await this.#document.change((before) => {
        // The holder is in the document that is replaced: a run that has lost the mailbox cannot write.
        if (before.holder !== this.#holder) throw this.#lose();
        const all = byId(before.entries);
        for (const entry of entries) all.set(entry.id, entry);
        for (const id of forgotten) all.delete(id);
        const until = Date.now() + this.#lease;
        return { ...before, until, ...lease, entries: [...all.values()], state: state ?? before.state };
      });
      this.#renewed = performance.now();
    });
    this.#last = changed.catch(() => undefined);
    return changed;
  }

  async #beat(): Promise<void> {
    await this.#change({}, {}).catch(() => {
      // The store does not answer. Another run may have the mailbox once the lease has run out.
      if (performance.now() - this.#renewed > this.#lease) this.#lose();
    });
  }

  #lose(): LedgerError {
    const error = new LedgerError("another run has taken over the mailbox", { leaseLost: true });
    clearInterval(this.#heartbeat);
    this.#lost.abort(error);
    return error;
  }
}

function checkAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new Pop3AbortError(signal.reason);
}

function byId(entries: readonly LedgerEntry[]): Map<string, LedgerEntry> {
  return new Map(entries.map((entry) => [entry.id, entry]));
}

/** An error of the store says nothing about the mailbox: a later run may succeed. */
async function asLedgerError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new LedgerError("the store of the ledger does not answer", { cause, temporary: true });
  }
}
