// The leases of a store: takes mailboxes for runs, and renews the leases of all of them with one write.
import { HeldMailboxes } from "../store/held-mailboxes.ts";
import type { LeaseTimes } from "../store/lease-times.ts";
import { isHolderDead, mailboxBusy } from "../store/lease.ts";
import { SqliteMailbox, type MailboxContext } from "./mailbox.ts";
import type { StoredMailbox } from "./tables.ts";

export class Leases {
  readonly held: HeldMailboxes<SqliteMailbox>;
  readonly #context: MailboxContext;

  constructor(context: Pick<MailboxContext, "tables" | "transactions">, { heartbeat, stale }: LeaseTimes) {
    this.held = new HeldMailboxes(heartbeat, () => void this.#beat());
    this.#context = { ...context, stale, released: (mailbox) => this.held.remove(mailbox) };
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

  /** Gives up all mailboxes. Call it in a transaction. */
  abandon(): void {
    for (const mailbox of this.held.all()) {
      mailbox.abandon();
      this.held.remove(mailbox);
    }
  }

  /** Never rejects. */
  async #beat(): Promise<void> {
    const renew = (): readonly SqliteMailbox[] => {
      const [mailboxes, now] = [this.held.all(), Date.now()];
      for (const mailbox of mailboxes) mailbox.renew(now);
      return mailboxes;
    };
    const began = performance.now();
    try {
      // A lease need not survive a failure of the power.
      const renewed = await this.#context.transactions.run(renew, { durable: false });
      for (const mailbox of renewed) mailbox.renewed(began);
    } catch (error) {
      for (const mailbox of this.held.all()) mailbox.expire(error);
    }
  }
}

/** Throws `POP3_MAILBOX_BUSY` if a run holds the mailbox. `ours`: the token of any run of this process. */
export function checkFree(stored: StoredMailbox, ours: string, now: number): void {
  if (isHeld(stored, ours, now)) throw mailboxBusy(stored.mailbox);
}

/** Returns whether a run holds the mailbox: its lease has not ended, and its process is not known to be dead. */
export function isHeld({ token, expires }: StoredMailbox, ours: string, now: number): boolean {
  return token !== undefined && expires > now && !isHolderDead(token, ours);
}

function newMailbox(id: number, mailbox: string): StoredMailbox {
  return { id, mailbox, state: {}, keyName: undefined, token: undefined, expires: 0 };
}
