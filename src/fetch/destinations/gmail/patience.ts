// The pauses between the tries of one call: each is twice as long as the one before, until it is better to end the run.
import { throwIfAborted } from "../../../net/failures.ts";
import { sleep } from "../../../net/settle.ts";
import type { DestinationError } from "../destination-error.ts";
import { pauseIn } from "./failure.ts";
import type { GmailReply } from "./exchange.ts";
import type { GmailUser } from "./user.ts";

/** The first pause; milliseconds. */
const FIRST = 1000;

/** The longest sum of all pauses if Gmail wants fewer requests; milliseconds. Its quota is for one minute. */
const FOR_LIMITS = 60_000;

/** The same for other failures. */
const FOR_FAILURES = 8000;

export class Patience {
  readonly #user: GmailUser;
  #next = FIRST;
  #spent = 0;

  constructor(user: GmailUser) {
    this.#user = user;
  }

  /**
   * Waits before the next try. Throws `error` if that would take too long. `limited`: the reply that asks for fewer requests,
   * if it is one.
   */
  async wait(
    error: DestinationError,
    limited: GmailReply | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const asked = limited === undefined ? 0 : pauseIn(limited);
    const pause = Math.max(this.#next, asked);
    if (this.#spent + pause > (limited === undefined ? FOR_FAILURES : FOR_LIMITS)) {
      this.#user.pauseFor(asked);
      throw error;
    }
    this.#spent += pause;
    this.#next *= 2;
    await sleep(pause, signal);
    throwIfAborted(signal);
  }

  /** Begins again, after progress. */
  reset(): void {
    this.#next = FIRST;
    this.#spent = 0;
  }
}
