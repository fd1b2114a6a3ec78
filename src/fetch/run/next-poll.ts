// Computes when to poll again after a run, and the state of the mailbox that the ledger keeps until then.
import { Pop3Error, Pop3HostBusyError, Pop3ReplyError } from "../../errors.ts";
import { retryAfter, temporaryCause, type TemporaryCause } from "../../retry.ts";
import { isDown } from "../destinations/destination-error.ts";
import type { FetchError } from "../fetch-error.ts";
import type { MailboxState } from "../ledger/ledger.ts";
import type { CompletePauses } from "../plan/pauses.ts";
import type { CompletePolicy } from "../plan/policy.ts";
import { pollPause, spreadPause } from "../plan/schedule.ts";
import { wallTime } from "../../system/clock.ts";
import { random } from "../../system/random.ts";

/** What a run leaves for the next one, in addition to the state of the ledger. */
export interface Aftermath {
  /** How long LOGIN-DELAY forbids another login, in milliseconds. 0 or less: it does not. */
  readonly loginPause: number;
  /** Until when the server gets one command at a time. */
  readonly serialUntil: Pick<MailboxState, "serialUntil">;
}

/** Returns the state after a run that did not fail. `left`: there is more to do. */
export function stateAtEnd(
  { lastRun, interval, baseline, listing, due }: MailboxState,
  poll: CompletePauses,
  run: { readonly left: boolean; readonly mailCame: boolean },
  { loginPause, serialUntil }: Aftermath,
): MailboxState {
  return {
    ...(lastRun === undefined ? {} : { lastRun }),
    ...(baseline === undefined ? {} : { baseline }),
    ...(listing === undefined ? {} : { listing }),
    ...(due === undefined ? {} : { due }),
    interval: run.left ? poll.shortest : pollPause(poll, interval, run.mailCame),
    ...(loginPause > 0 ? notBefore(wallTime() + loginPause) : {}),
    ...serialUntil,
  };
}

/** Returns the state after a run that failed. */
export function stateAfterFailure(
  { report, temporary, cause }: FetchError,
  state: MailboxState,
  { loginPause, serialUntil }: Aftermath,
): MailboxState {
  const { notBefore: _, notBeforeSaid: __, serialUntil: ___, crashes: ____, ...rest } = state;
  // A host that is full was not tried.
  const failures = (state.failures ?? 0) + (Pop3HostBusyError.is(cause) ? 0 : 1);
  // If the server asked for a pause, later runs must keep it. After a failure of the network they need not
  // wait.
  const binds = temporary && cause instanceof Pop3ReplyError;
  const next = binds ? report.nextPollAt : wallTime() + loginPause;
  return {
    ...rest,
    ...(failures > 0 ? { failures } : {}),
    ...serialUntil,
    ...(binds || loginPause > 0 ? notBefore(next) : {}),
  };
}

/**
 * Returns whether a later run may succeed after this error, and the pause before it in milliseconds. `failures`:
 * the number of failed runs in a row before this one. `untried`: there are messages that the destination was
 * never offered.
 */
export function pauseAfterFailure(
  cause: unknown,
  { poll, rate }: Pick<CompletePolicy, "poll" | "rate">,
  failures: number,
  untried: boolean,
): { readonly temporary: boolean; readonly pause: number } {
  // The time is reserved: to come later would leave the place empty.
  if (Pop3HostBusyError.is(cause)) return { temporary: true, pause: cause.retryAfterMs };
  const longest = poll.afterFailure ?? poll.longest;
  const waitFor = temporaryCause(cause);
  if (waitFor === undefined && !isOutage(cause)) {
    return { temporary: false, pause: spreadPause(poll, longest, random) };
  }
  // Back off exponentially, because a server may be down for days. But if there are messages that the
  // destination was never offered, poll again soon: each run tries some of them, and the destination may
  // take one.
  const doublings = untried ? 0 : failures;
  const growing = Math.min(longest, poll.shortest * 2 ** Math.min(doublings, 40)) * random();
  // A dead session keeps the maildrop locked until the server notices. That takes minutes, and no try
  // succeeds before.
  const least = waitFor === undefined ? poll.shortest : leastPauseAfter(waitFor, poll, rate);
  const again = waitFor === undefined ? 0 : retryAfter(cause, failures + 1);
  return { temporary: true, pause: Math.max(spreadPause(poll, least, random), again, growing) };
}

function leastPauseAfter(
  waitFor: TemporaryCause,
  poll: CompletePauses,
  rate: CompletePolicy["rate"],
): number {
  // If there was a login before, `LoginPause` knows.
  if (waitFor === "network") return 0;
  return waitFor === "SYS/TEMP" || waitFor === "LOGIN-DELAY" ? rate.poll : poll.shortest;
}

/** Returns whether the destination or the disk of the ledger is down. A later run may succeed. */
function isOutage(cause: unknown): boolean {
  if (isDown(cause)) return true;
  return Pop3Error.is(cause) && cause.code === "POP3_LEDGER" && isDown(cause.cause);
}

function notBefore(time: number): MailboxState {
  return { notBefore: Math.round(time), notBeforeSaid: wallTime() };
}
