// The store of the example: remembers the fence of each run, which tells in the log which of two runs was the later one.
import type pg from "pg";
import type { LedgerOpenOptions, MailboxLedger } from "popwright/fetch";
import { PostgresStore } from "popwright/postgres";

export class StoreWithFences extends PostgresStore<pg.PoolClient> {
  readonly #fences: Map<string, bigint> = new Map();

  override async open(mailbox: string, options?: LedgerOpenOptions): Promise<MailboxLedger> {
    const held = await super.open(mailbox, options);
    this.#fences.set(mailbox, held.fence);
    return held;
  }

  /** Returns the fence of the run that has just ended, as text: a log has numbers up to 2^53 only. */
  takeFence(mailbox: string): string | undefined {
    const fence = this.#fences.get(mailbox);
    this.#fences.delete(mailbox);
    return fence?.toString();
  }
}
