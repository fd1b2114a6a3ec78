// The pauses between the tries of one call: each is twice as long as the one before, until it is better to end the run.
import { throwIfAborted } from "../../../net/failures.ts";
import { sleep } from "../../../net/settle.ts";
import type { DestinationError } from "../destination-error.ts";
import { isLimited, pauseIn } from "./failure.ts";
import type { GmailReply } from "./exchange.ts";
import type { GmailUser } from "./user.ts";

/** The first pause; milliseconds. */
const FIRST = 1000;

/** The longest sum of all pauses if Gmail wants fewer requests, or asks for a pause; milliseconds. Its quota is for a minute. */
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
   * Waits before the next try, at least as long as `reply` says. Throws `error` if that would take too long.
   */
  async wait(
    error: DestinationError,
    reply: GmailReply | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const asked = reply === undefined ? 0 : pauseIn(reply);
    const pause = Math.max(this.#next, asked);
    const most = asked > 0 || (reply !== undefined && isLimited(reply)) ? FOR_LIMITS : FOR_FAILURES;
    if (this.#spent + pause > most) {
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
