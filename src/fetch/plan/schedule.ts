// Computes when something is due: the next try of a message, the next poll of a mailbox, a deletion.
import type { LedgerEntry } from "../ledger/ledger.ts";
import type { CompletePauses, CompleteRetry } from "./pauses.ts";
import type { CompletePolicy } from "./policy.ts";

/** Returns the pause after the n-th failure of a message (`tries`), in milliseconds. */
export function retryPause({ first, longest }: CompleteRetry, tries: number): number {
  return Math.min(longest, first * 2 ** Math.max(0, tries - 1));
}

/**
 * Returns why a message that has failed is not tried now, or `undefined` if it is tried. A quarantined
 * message is tried again if the policy allows more tries than it has had. A `retryAt` that is further away
 * than the longest pause is ignored: the clock was set back after it was recorded.
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

/**
 * Returns the pause before the next poll, in milliseconds. `before`: the previous pause, if there was one.
 */
export function pollPause(
  { shortest, longest }: CompletePauses,
  before: number | undefined,
  mailCame: boolean,
): number {
  const pause = before ?? shortest;
  return Math.min(longest, Math.max(shortest, mailCame ? pause / 2 : pause * 2));
}

/**
 * Spreads a pause by the jitter of the policy, evenly, but not below `shortest` or above `longest`: the pause
 * that the caller or the provider has set as the shortest one is kept. `random` returns numbers from 0 to 1.
 */
export function spreadPause(
  { shortest, longest, jitter }: CompletePauses,
  pause: number,
  random: () => number,
): number {
  // Infinity has no spread: its products and differences may be NaN.
  if (pause === Infinity) return pause;
  const least = Math.max(Math.min(pause, shortest), pause * (1 - jitter));
  const most = Math.min(Math.max(pause, longest), pause * (1 + jitter));
  return least + random() * (most - least);
}

/**
 * Returns whether the policy deletes a delivered message now. `firstSeen`, `now`: milliseconds since 1970.
 */
export function isDue(
  { after, largerThan }: CompletePolicy["delete"],
  firstSeen: number,
  size: number | undefined,
  now: number,
): boolean {
  return now - firstSeen >= after || (size ?? 0) > largerThan;
}
