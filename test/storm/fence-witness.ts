// A ledger that notes in the database which fences its runs have, and each record that succeeds under an old one.
import type pg from "pg";
import type { LedgerChanges, LedgerOpenOptions, MailboxLedger } from "popwright/fetch";
import { RedisLedger } from "popwright/redis";

const NOTE = `INSERT INTO storm.redis_fences AS known (mailbox, fence) VALUES ($1, $2)
  ON CONFLICT (mailbox) DO UPDATE SET fence = greatest(known.fence, excluded.fence)`;
const IS_OLD = "SELECT FROM storm.redis_fences WHERE mailbox = $1 AND fence > $2";
const ACCUSE = "INSERT INTO storm.old_fences VALUES ('redis entry', $1, $2)";

/** While PostgreSQL is away, it sees nothing. */
export class FenceWitness extends RedisLedger {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool, ...args: ConstructorParameters<typeof RedisLedger>) {
    super(...args);
    this.#pool = pool;
  }

  override async open(mailbox: string, options?: LedgerOpenOptions): Promise<MailboxLedger> {
    const held = await super.open(mailbox, options);
    const named = [mailbox, String(held.fence)];
    await this.#ask(NOTE, named);
    const [record, close] = [held.record.bind(held), held.close.bind(held)];
    held.record = (changes) => this.#watched(named, () => record(changes));
    held.close = (changes) =>
      isEmpty(changes) ? close(changes) : this.#watched(named, () => close(changes));
    return held;
  }

  /** If a later run had opened the mailbox before the write was sent, the write must fail. */
  async #watched(named: readonly string[], write: () => Promise<void>): Promise<void> {
    const isOld = (await this.#ask(IS_OLD, named)) > 0;
    await write();
    if (isOld) await this.#ask(ACCUSE, named);
  }

  async #ask(query: string, named: readonly string[]): Promise<number> {
    try {
      return (await this.#pool.query(query, [...named])).rowCount ?? 0;
    } catch {
      return 0;
    }
  }
}

function isEmpty(changes: LedgerChanges | undefined): boolean {
  return changes === undefined || Object.keys(changes).length === 0;
}
