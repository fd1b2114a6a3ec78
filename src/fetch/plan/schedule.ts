// When the next try is due: of a message, and of a mailbox.
import type { LedgerEntry } from "../ledger/ledger.ts";
import type { CompletePolicy, PollPauses, RetryPauses } from "./policy.ts";

/** The pause behind the n-th failure of a message; milliseconds. */
export function retryPause({ first, longest }: RetryPauses, tries: number): number {
  return Math.min(longest, first * 2 ** Math.max(0, tries - 1));
}

/**
 * Why a message that has failed is not tried now; `undefined`: it is tried. One that was left alone is tried again if
 * the policy allows more tries than it had. A time that is further off than any pause comes from a clock that was put
 * back, and does not count.
 */
export function reasonToWait(
  { status, tries, retryAt = 0 }: LedgerEntry,
  policy: Pick<CompletePolicy, "tries" | "retry">,
  now: number,
): "quarantined" | "failed, and not due yet" | undefined {
  if (status === "quarantined") return (tries ?? Infinity) < policy.tries ? undefined : "quarantined";
  const isTooSoon = retryAt > now && retryAt - now <= policy.retry.longest;
  return status === "failed" && isTooSoon ? "failed, and not due yet" : undefined;
}

/** The pause before the next poll; milliseconds. `before`: the last one, if there was one. */
export function pollPause(
  { shortest, longest }: PollPauses,
  before: number | undefined,
  mailCame: boolean,
): number {
  const pause = before ?? shortest;
  return Math.min(longest, Math.max(shortest, mailCame ? pause / 2 : pause * 2));
}

/** Whether what was delivered, and first seen then, is to be deleted by now. */
export function isDue(
  { after, largerThan }: CompletePolicy["delete"],
  firstSeen: number,
  size: number | undefined,
  now: number,
): boolean {
  return now - firstSeen >= after || (size ?? 0) > largerThan;
}
