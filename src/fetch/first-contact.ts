// Tells a wrong host or port from an outage: as long as no server was reached, a failed connection ends the loop.
import { Pop3ConnectionError } from "../errors.ts";
import type { FetchEvent } from "./events.ts";
import type { FetchError } from "./fetch-error.ts";

/** What is known about the first connection of each mailbox. */
export class FirstContact {
  /** A server was reached, or the caller wants to try again anyway. */
  #isSettled: boolean;
  #isComplete = false;
  #error: FetchError | undefined;
  /** The mailboxes of which nothing is known yet. */
  readonly #unknown: Set<string> = new Set();

  constructor(retryFirst: boolean) {
    this.#isSettled = retryFirst;
  }

  /** A mailbox was added. */
  added(mailbox: string): void {
    if (!this.#isSettled) this.#unknown.add(mailbox);
  }

  /** No more mailboxes are added. */
  complete(): void {
    this.#isComplete = true;
  }

  /** Learns from an event of a run. */
  heard(event: FetchEvent): void {
    if (this.#isSettled || event.type === "begin") return;
    if (event.type === "failed" && isUnreachable(event.error)) {
      this.#error ??= event.error;
      this.#unknown.delete(event.mailbox);
    } else if (event.type !== "end" || event.report.outcome !== "deferred") {
      this.#isSettled = true;
      this.#unknown.clear();
    } else if (event.report.hostDown !== undefined) this.#unknown.delete(event.mailbox);
  }

  /** The first error, if no server of any mailbox was reached. `undefined`: one was, or it is not known yet. */
  get failure(): FetchError | undefined {
    return this.#isSettled || !this.#isComplete || this.#unknown.size > 0 ? undefined : this.#error;
  }
}

/** Returns whether there was no connection with the server on which it could refuse anything. */
function isUnreachable({ scope, code, cause }: FetchError): boolean {
  // If the local address is wrong, the scope is the caller.
  return Pop3ConnectionError.is(cause) && (scope === "host" || code === "POP3_CONNECT");
}
