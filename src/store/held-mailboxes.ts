// The mailboxes that the runs of a store hold, and the timer that renews their leases.
import type { Delivery } from "../fetch/destinations/destination.ts";

/** What identifies a run that holds a mailbox. */
type Run = Pick<Delivery, "mailbox" | "fence">;

export class HeldMailboxes<M extends Run> {
  readonly #held: Set<M> = new Set();
  readonly #heartbeat: number;
  readonly #beat: () => void;
  #timer: NodeJS.Timeout | undefined;

  /** Calls `beat` every `heartbeat` milliseconds while a mailbox is held. */
  constructor(heartbeat: number, beat: () => void) {
    this.#heartbeat = heartbeat;
    this.#beat = beat;
  }

  get size(): number {
    return this.#held.size;
  }

  /** Begins to renew the lease. */
  add(mailbox: M): void {
    this.#held.add(mailbox);
    this.#timer ??= setInterval(this.#beat, this.#heartbeat).unref();
  }

  remove(mailbox: M): void {
    this.#held.delete(mailbox);
    if (this.#held.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Returns the mailbox of a delivery, if a run of this store with its fence holds it. */
  heldBy({ mailbox, fence }: Run): M | undefined {
    for (const held of this.#held) if (held.fence === fence && held.mailbox === mailbox) return held;
    return undefined;
  }

  /** All of them, as a list that later changes do not touch. */
  all(): M[] {
    return [...this.#held];
  }
}
