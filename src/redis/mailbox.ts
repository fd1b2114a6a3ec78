// A mailbox that a run holds in Redis. Each write checks in its script that the run still has the lease.
import { LedgerError } from "../fetch/ledger/ledger-error.ts";
import type { LedgerChanges, LedgerEntry, MailboxLedger, MailboxState } from "../fetch/ledger/ledger.ts";
import { leaseLost, notRenewed } from "../store/lease.ts";
import type { LeaseTimes } from "../store/lease-times.ts";
import { encodeText } from "../store/text.ts";
import type { Connection } from "./client.ts";
import { ledgerFailure } from "./failures.ts";
import { entriesFrom, fieldOf, type MailboxKeys } from "./records.ts";
import { RENEW, GIVE_UP, READ, RECORD } from "./scripts.ts";

/** How long a renewal of the lease is good enough for `confirm`, in milliseconds. */
const RECENT = 1000;

/** What a mailbox uses of its ledger. */
export interface MailboxContext {
  readonly connection: Connection;
  readonly times: LeaseTimes;
}

/** What Redis has said when the run took the mailbox. */
export interface Taken {
  readonly mailbox: string;
  readonly keys: MailboxKeys;
  readonly token: string;
  readonly fence: string;
  readonly takenOver: boolean;
  readonly state: MailboxState;
  readonly keyName: string | undefined;
  /** When the command was sent, by `performance.now()`. */
  readonly at: number;
}

export class RedisMailbox implements MailboxLedger {
  readonly state: MailboxState;
  readonly keyName: string | undefined;
  readonly takenOver: boolean;
  readonly fence: bigint;
  readonly #context: MailboxContext;
  readonly #taken: Taken;
  readonly #lost: AbortController = new AbortController();
  /** When the lease was last renewed, by `performance.now()`, a clock that cannot be set. */
  #renewed: number;
  #timer: NodeJS.Timeout | undefined;
  /** Why the lease was not renewed. */
  #trouble: unknown;
  /** The writes so far: each waits for the one before. */
  #written: Promise<unknown> = Promise.resolve();
  /** After a failure, nothing more is recorded. */
  #failure: unknown;
  #closing: Promise<void> | undefined;

  constructor(context: MailboxContext, taken: Taken) {
    this.#context = context;
    this.#taken = taken;
    this.state = taken.state;
    this.keyName = taken.keyName;
    this.takenOver = taken.takenOver;
    this.fence = BigInt(taken.fence);
    this.#renewed = taken.at;
    this.#renewLater();
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async load(): Promise<Map<string, LedgerEntry>> {
    const { connection } = this.#context;
    const { mailbox, entries } = this.#taken.keys;
    return this.#explained("read", async () => {
      const [, , , , fields] = (await connection.run(READ, [mailbox, entries], ["entries"])) as [
        ...string[],
        string[],
      ];
      return entriesFrom(fields as string[]);
    });
  }

  async record(changes: LedgerChanges): Promise<void> {
    if (this.#closing !== undefined)
      throw new LedgerError("the ledger of the mailbox was closed: call open() again");
    await this.#write(changes, "");
  }

  async confirm(): Promise<void> {
    if (this.lost.aborted) throw this.lost.reason;
    if (performance.now() - this.#renewed < RECENT) return;
    await this.#explained("read", () => this.#renew());
  }

  close(changes: LedgerChanges = {}): Promise<void> {
    this.#closing ??= this.#close(changes);
    return this.#closing;
  }

  async #close(changes: LedgerChanges): Promise<void> {
    try {
      await this.#write(changes, "release");
    } catch (error) {
      const { keys, token, fence } = this.#taken;
      // If that fails, too, the lease ends by itself.
      if (!this.lost.aborted)
        await this.#context.connection.run(GIVE_UP, [keys.mailbox], [token, fence]).catch(() => undefined);
      throw error;
    } finally {
      clearTimeout(this.#timer);
    }
  }

  #write(changes: LedgerChanges, release: "release" | ""): Promise<void> {
    const written = this.#written.then(async () => {
      if (this.lost.aborted) throw this.lost.reason;
      if (this.#failure !== undefined) throw this.#failure as Error;
      await this.#send(changes, release);
    });
    this.#written = written.catch((error: unknown) => (this.#failure ??= error));
    return this.#explained("write", () => written);
  }

  async #send({ entries = [], forgotten = [], state }: LedgerChanges, release: string): Promise<void> {
    const { connection, times } = this.#context;
    const { keys, token, fence } = this.#taken;
    const ids = forgotten.map(encodeText);
    const texts = entries.flatMap(fieldOf);
    const next = state === undefined ? "" : JSON.stringify(state);
    const args = [token, fence, times.stale, release, next, ids.length, ...ids, ...texts];
    const at = performance.now();
    this.#heard(await connection.run(RECORD, [keys.mailbox, keys.entries], args), at);
  }

  async #renew(): Promise<void> {
    const { connection, times } = this.#context;
    const { keys, token, fence } = this.#taken;
    const at = performance.now();
    const held = await connection.run(RENEW, [keys.mailbox], [token, fence, times.stale]);
    // Once the mailbox is released, it is not ours, and not lost.
    if (this.#closing === undefined) this.#heard(held, at);
  }

  /** Learns from an answer whether the lease is ours. Throws `POP3_LEASE_LOST`. */
  #heard(held: unknown, at: number): void {
    if (held !== 1)
      throw this.#lose(leaseLost(this.#taken.mailbox, "another run has taken over the mailbox"));
    this.#renewed = Math.max(this.#renewed, at);
  }

  /** Renews the lease now and then, and gives up the mailbox as soon as it has not succeeded for too long. */
  #renewLater(): void {
    const { heartbeat, stale } = this.#context.times;
    const left = this.#renewed + stale - performance.now();
    if (left <= 0) {
      this.#lose(notRenewed(this.#taken.mailbox, this.#trouble));
      return;
    }
    this.#timer = setTimeout(
      () => {
        if (this.lost.aborted || this.#closing !== undefined) return;
        this.#renew().catch((error: unknown) => (this.#trouble = error));
        this.#renewLater();
      },
      Math.min(heartbeat, left),
    ).unref();
  }

  #lose(reason: LedgerError): LedgerError {
    clearTimeout(this.#timer);
    this.#lost.abort(reason);
    return this.lost.reason as LedgerError;
  }

  async #explained<T>(verb: "read" | "write", work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw ledgerFailure(`cannot ${verb} the ledger of ${this.#taken.mailbox}`, error);
    }
  }
}
