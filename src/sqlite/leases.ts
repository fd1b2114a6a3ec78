// The leases of a store: takes mailboxes for runs, and renews the leases of all of them with one write.
import { Pop3Error } from "../errors.ts";
import type { Delivery } from "../fetch/destinations/destination.ts";
import { isDead } from "../fetch/files/process-space.ts";
import { printable } from "../protocol/printable.ts";
import { SqliteMailbox, type MailboxContext } from "./mailbox.ts";
import type { StoredMailbox } from "./tables.ts";

interface LeaseTimes {
  /** Milliseconds. */
  readonly heartbeat: number;
  /** Milliseconds. */
  readonly stale: number;
}

export class Leases {
  readonly #context: MailboxContext;
  readonly #heartbeat: number;
  /** By their fences. */
  readonly #held: Map<bigint, SqliteMailbox> = new Map();
  #timer: NodeJS.Timeout | undefined;

  constructor(context: Pick<MailboxContext, "tables" | "transactions">, { heartbeat, stale }: LeaseTimes) {
    this.#context = { ...context, stale, released: (mailbox) => this.#remove(mailbox) };
    this.#heartbeat = heartbeat;
  }

  /** Takes a mailbox for a run, in a transaction. `token` is the unique name of the run, see `processName`. */
  take(mailbox: string, token: string): SqliteMailbox {
    const { tables, stale } = this.#context;
    const now = Date.now();
    const stored = tables.find(mailbox) ?? newMailbox(tables.add(mailbox), mailbox);
    checkFree(stored, token, now);
    const holder = { id: stored.id, token, fence: tables.nextFence(now) };
    tables.hold(holder, now + stale);
    return new SqliteMailbox(this.#context, stored, holder);
  }

  /** Begins to renew the lease. */
  add(mailbox: SqliteMailbox): void {
    this.#held.set(mailbox.fence, mailbox);
    this.#timer ??= setInterval(() => void this.#beat(), this.#heartbeat).unref();
  }

  /** Returns the mailbox of a delivery, if a run of this store with its fence holds it. */
  heldBy({ mailbox, fence }: Pick<Delivery, "mailbox" | "fence">): SqliteMailbox | undefined {
    const held = this.#held.get(fence);
    return held?.mailbox === mailbox ? held : undefined;
  }

  /** The number of mailboxes that are held. */
  get size(): number {
    return this.#held.size;
  }

  /** Gives up all mailboxes. Call it in a transaction. */
  abandon(): void {
    for (const mailbox of [...this.#held.values()]) {
      mailbox.abandon();
      this.#remove(mailbox);
    }
  }

  #remove(mailbox: SqliteMailbox): void {
    this.#held.delete(mailbox.fence);
    if (this.#held.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Never rejects. */
  async #beat(): Promise<void> {
    const renew = (): readonly SqliteMailbox[] => {
      const [mailboxes, now] = [[...this.#held.values()], Date.now()];
      for (const mailbox of mailboxes) mailbox.renew(now);
      return mailboxes;
    };
    const began = performance.now();
    try {
      // A lease need not survive a failure of the power.
      const renewed = await this.#context.transactions.run(renew, { durable: false });
      for (const mailbox of renewed) mailbox.renewed(began);
    } catch (error) {
      for (const mailbox of this.#held.values()) mailbox.expire(error);
    }
  }
}

/** Throws `POP3_MAILBOX_BUSY` if a run holds the mailbox. `ours`: the token of any run of this process. */
export function checkFree(stored: StoredMailbox, ours: string, now: number): void {
  if (isHeld(stored, ours, now))
    throw new Pop3Error(
      "POP3_MAILBOX_BUSY",
      `another run is fetching the mail of ${printable(stored.mailbox)}`,
    );
}

/** Returns whether a run holds the mailbox: its lease has not ended, and its process is not known to be dead. */
export function isHeld({ token, expires }: StoredMailbox, ours: string, now: number): boolean {
  if (token === undefined || expires <= now) return false;
  const [pid = "", space] = token.split("-", 2);
  const [, ourSpace] = ours.split("-", 2);
  return space !== ourSpace || !isDead(Number(pid));
}

function newMailbox(id: number, mailbox: string): StoredMailbox {
  return { id, mailbox, state: {}, keyName: undefined, token: undefined, expires: 0 };
}
