// Opens a session, and tries again where what went wrong passes by itself, as long as the caller has time. Between
// two tries it keeps the maildrop, and lets others of the host go on.
import { LONGEST_TIMER, settle, untilAborted } from "../net/settle.ts";
import type { Account } from "./account.ts";
import { isTemporary, retryAfter } from "../retry.ts";
import { PooledClient } from "./pooled-client.ts";
import type { Counts } from "./statistics.ts";
import type { Pop3PoolTrace } from "./trace.ts";
import type { Permit } from "./scheduler.ts";

export interface Opening {
  readonly account: Account;
  readonly turn: Permit;
  /** Milliseconds from the first try on, within which the others have to begin. */
  readonly retryFor: number;
  readonly signal: AbortSignal;
  /** Waits until there may be one more session. */
  readonly makeRoom: () => Promise<unknown>;
  readonly counts: Counts;
  readonly trace: Pop3PoolTrace;
}

/** A new session, logged in. Rejects with the error of the last try. */
export async function openSession(opening: Opening): Promise<PooledClient> {
  const { account, turn, retryFor, signal, makeRoom, counts, trace } = opening;
  let first: number | undefined;
  for (;;) {
    await untilAborted(signal, makeRoom);
    first ??= performance.now();
    trace.attempts++;
    const client = new PooledClient(account.options);
    try {
      await counts.during("connecting", client.connect({ signal }));
      counts.opened++;
      return client;
    } catch (error) {
      const { loginDelay } = client.capabilities;
      const pause = retryAfter(error, trace.attempts, Math.random, loginDelay?.seconds);
      const late = performance.now() - first + pause >= retryFor;
      if (late || signal.aborted || !isTemporary(error) || !account.reconnects) throw error;
      turn.pause();
      await counts.during("pausing", passed(pause, signal));
      await turn.resume(signal);
      counts.retried++;
    }
  }
}

/** Resolves when so many milliseconds have passed. */
function passed(milliseconds: number, signal: AbortSignal): Promise<void> {
  return settle(signal, undefined, (resolve) => {
    const timer = setTimeout(resolve, Math.min(milliseconds, LONGEST_TIMER));
    return () => {
      clearTimeout(timer);
    };
  });
}
