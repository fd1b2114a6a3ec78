// The first run over a mailbox: it notes the mail that it does not want in the ledger, before it retrieves any.
import type { FetchPolicy } from "../../src/fetch/index.ts";
import type { Mail } from "./mail.ts";

export class FirstRun {
  readonly #wants: NonNullable<FetchPolicy["firstRun"]>;
  readonly #isNoted: () => boolean;
  /** What the last session has listed. */
  #listed: readonly Mail[] = [];
  #isOver = false;

  /** `isNoted`: tells whether the ledger says that there was a first run, whatever happens to the power. */
  constructor(wants: FetchPolicy["firstRun"], isNoted: () => boolean) {
    this.#wants = wants ?? "all";
    this.#isNoted = isNoted;
  }

  /** Whether it is over. Then it is known which mail it has left out. */
  isOver(): boolean {
    if (this.#isOver || !this.#isNoted()) return this.#isOver;
    this.#isOver = true;
    for (const mail of this.#leftOut()) mail.isLeftOut = true;
    return true;
  }

  /** A session begins, and lists these messages. */
  lists(mails: readonly Mail[]): void {
    if (!this.isOver()) this.#listed = mails;
  }

  #leftOut(): readonly Mail[] {
    if (this.#wants === "all") return [];
    const newest = this.#wants === "none" ? 0 : this.#wants.newest;
    return this.#listed.slice(0, Math.max(0, this.#listed.length - newest));
  }
}
