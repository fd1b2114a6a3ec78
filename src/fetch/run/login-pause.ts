// Keeps the LOGIN-DELAY of the server (RFC 2449 section 6.5) between the sessions of a run, and after it. Some
// providers require such a pause and do not list it.
import type { Pop3Client } from "../../client.ts";
import { isAborted } from "../../net/abort.ts";
import { sleep } from "../../net/settle.ts";
import type { CompletePolicy } from "../plan/policy.ts";
import { steadyTime } from "../../system/clock.ts";

/** The longest LOGIN-DELAY that a run waits for, in milliseconds. */
const WORTH_WAITING = 60_000;

export class LoginPause {
  readonly #rate: CompletePolicy["rate"];
  /** Milliseconds. */
  #delay = 0;
  /** By `performance.now()`, because the system clock may be set back. `undefined`: there was no login. */
  #lastLogin: number | undefined;

  /** `rate`: what the provider requires, if it is known. */
  constructor(rate: CompletePolicy["rate"]) {
    this.#rate = rate;
  }

  /** Notes a login, and the delay that the server requires after it. */
  loggedIn({ capabilities }: Pick<Pop3Client, "capabilities">): void {
    const { loginDelay } = capabilities;
    this.#lastLogin = steadyTime();
    this.#delay = loginDelay === undefined ? this.#rate.login : loginDelay.seconds * 1000;
  }

  /** How long LOGIN-DELAY forbids another login from now on, in milliseconds. 0 or less: it does not. */
  get left(): number {
    return this.#delay === 0 ? 0 : this.#after(this.#delay);
  }

  /** How long the provider wants no other poll from now on, in milliseconds. 0 or less: that is not known. */
  get pollLeft(): number {
    return this.#after(this.#rate.poll);
  }

  #after(delay: number): number {
    return this.#lastLogin === undefined ? 0 : this.#lastLogin + delay - steadyTime();
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
