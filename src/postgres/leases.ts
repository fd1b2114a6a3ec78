// The leases of a store: takes mailboxes for runs, and renews the leases of all of them with one statement.
import { moment } from "../fetch/files/moment.ts";
import { HeldMailboxes } from "../store/held-mailboxes.ts";
import { isHolderDead, leaseLost, mailboxBusy } from "../store/lease.ts";
import { PostgresMailbox, type MailboxContext } from "./mailbox.ts";
import { isLocked } from "./failures.ts";
import type { StoredMailbox, Tables } from "./tables.ts";

export class Leases {
  readonly held: HeldMailboxes<PostgresMailbox>;
  readonly #context: MailboxContext;
  /** The tokens of runs of this store that could not release their mailboxes, by mailbox. */
  readonly #over: Map<string, string> = new Map();
  #isBeating = false;

  constructor(context: Omit<MailboxContext, "released">) {
    this.held = new HeldMailboxes(context.heartbeat, () => void this.#beat());
    this.#context = { ...context, released: (mailbox, isFree) => this.#released(mailbox, isFree) };
  }

  /**
   * Takes a mailbox for a run, and begins to renew its lease. Rejects with `POP3_MAILBOX_BUSY` if another run holds it.
   * `token` is the unique name of the run, see `processName`.
   */
  async take(mailbox: string, token: string): Promise<PostgresMailbox> {
    const { pool, tables, stale } = this.#context;
    const asked = moment();
    const open = (dead?: string): ReturnType<Tables["open"]> =>
      tables.open(pool, mailbox, token, stale, dead).catch((error: unknown) => {
        // Its lease has ended, but a transaction of its run has not.
        throw isLocked(error) ? mailboxBusy(mailbox) : error;
      });
    const first = await open();
    const before = "heldBy" in first ? first.heldBy : undefined;
    const isOver = before !== undefined && this.#over.get(mailbox) === before;
    const isDead = before !== undefined && isHolderDead(before, token);
    const taken = isOver || isDead ? await open(before) : first;
    if ("heldBy" in taken) throw mailboxBusy(mailbox);
    this.#over.delete(mailbox);
    // A run that could not release its mailbox has not crashed.
    const takenOver = taken.takenOver && !isOver;
    const held = new PostgresMailbox(this.#context, mailbox, { ...taken, takenOver }, asked);
    this.held.add(held);
    return held;
  }

  #released(mailbox: PostgresMailbox, isFree: boolean): void {
    this.held.remove(mailbox);
    if (!isFree) this.#over.set(mailbox.mailbox, mailbox.holder.token);
  }

  /** Gives up all mailboxes. Then the next runs take them over. Never rejects. */
  async abandon(): Promise<void> {
    const { pool, tables } = this.#context;
    const mailboxes = this.held.all();
    if (mailboxes.length === 0) return;
    for (const mailbox of mailboxes) {
      mailbox.lose(leaseLost(mailbox.mailbox, "the store was closed during the run"));
      this.held.remove(mailbox);
    }
    const holders = mailboxes.map(({ holder }) => holder);
    // If that fails, the leases end by themselves.
    await tables.abandon(pool, holders).catch(() => undefined);
  }

  /** Never rejects. */
  async #beat(): Promise<void> {
    const { pool, tables, stale } = this.#context;
    const mailboxes = this.held.all();
    // Not after the beat before: that one may wait for a server that does not answer.
    for (const mailbox of mailboxes) mailbox.expire(undefined);
    if (this.#isBeating) return;
    this.#isBeating = true;
    const holders = mailboxes.map(({ holder }) => holder);
    const asked = moment();
    try {
      const renewed = await tables.renew(pool, holders, stale);
      for (const mailbox of mailboxes) {
        if (renewed.has(mailbox.holder.id)) mailbox.renewed(asked);
        else if (!mailbox.isClosing) mailbox.takenAway();
      }
    } catch (error) {
      for (const mailbox of mailboxes) mailbox.expire(error);
    } finally {
      this.#isBeating = false;
    }
  }
}

/** Throws `POP3_MAILBOX_BUSY` if a run holds the mailbox. `ours`: the token of any run of this process. */
export function checkFree(stored: StoredMailbox, ours: string): void {
  if (isHeld(stored, ours)) throw mailboxBusy(stored.mailbox);
}

/** Returns whether a run holds the mailbox: its lease has not ended, and its process is not known to be dead. */
export function isHeld({ token, isOver }: StoredMailbox, ours: string): boolean {
  return token !== undefined && !isOver && !isHolderDead(token, ours);
}
