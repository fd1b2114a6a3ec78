// Keeps the LOGIN-DELAY of the server (RFC 2449 section 6.5) between the sessions of a run, and after it.
import type { Pop3Client } from "../../client.ts";
import { isAborted } from "../../net/abort.ts";
import { sleep } from "../../net/settle.ts";

/** The longest LOGIN-DELAY that a run waits for, in milliseconds. */
const WORTH_WAITING = 60_000;

export class LoginPause {
  /** Milliseconds. */
  #delay = 0;
  /** By `performance.now()`, because the system clock may be set back. */
  #lastLogin = 0;

  /** Notes a login, and the delay that the server requires after it. */
  loggedIn({ capabilities }: Pick<Pop3Client, "capabilities">): void {
    this.#lastLogin = performance.now();
    this.#delay = (capabilities.loginDelay?.seconds ?? 0) * 1000;
  }

  /** How long LOGIN-DELAY forbids another login from now on, in milliseconds. 0 or less: it does not. */
  get left(): number {
    return this.#delay === 0 ? 0 : this.#lastLogin + this.#delay - performance.now();
  }

  /** Waits for LOGIN-DELAY if it is short. Returns whether the run may log in again. */
  async pass(stop: AbortSignal | undefined, signal: AbortSignal | undefined): Promise<boolean> {
    const { left } = this;
    if (left <= 0) return true;
    if (left > WORTH_WAITING) return false;
    await sleep(left, stop, signal);
    return !isAborted(stop);
  }
}
