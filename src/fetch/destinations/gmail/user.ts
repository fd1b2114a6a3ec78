// One user of Gmail, for all destinations of this process: Gmail wants one request of a user at a time, far below its quota,
// and a pause that it asks for counts for all of them.
import { throwIfAborted } from "../../../net/failures.ts";
import { untilAborted } from "../../../net/settle.ts";
import { DestinationError } from "../destination-error.ts";
import { steadyTime } from "../../../system/clock.ts";

const users = new Map<string, GmailUser>();

export class GmailUser {
  /** Settles when the last request so far has ended. */
  #last: Promise<unknown> = Promise.resolve();
  /** Nothing is sent before this time of `performance.now()`. */
  #pauseUntil = 0;

  /** Returns the user with this name. */
  static named(name: string): GmailUser {
    const user = users.get(name) ?? new GmailUser();
    users.set(name, user);
    return user;
  }

  /** Calls `work` when the calls before it have ended. Rejects with `POP3_ABORTED` if the signal is aborted. */
  inTurn<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => {
      throwIfAborted(signal);
      return work();
    });
    this.#last = turn.catch(() => undefined);
    return untilAborted(signal, () => turn);
  }

  /** Sends nothing for this time; milliseconds. */
  pauseFor(milliseconds: number): void {
    this.#pauseUntil = Math.max(this.#pauseUntil, steadyTime() + milliseconds);
  }

  /** Throws {@link DestinationError} during a pause. */
  checkPause(): void {
    const left = this.#pauseUntil - steadyTime();
    if (left > 0)
      throw new DestinationError(`Gmail wants no requests for another ${Math.ceil(left / 1000)} s`, {
        down: true,
      });
  }
}
