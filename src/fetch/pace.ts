// When the next try is due: of a message, and of a mailbox.
import type { CompletePolicy, PollPauses, RetryPauses } from "./policy.ts";

/** The pause behind the n-th failure of a message; milliseconds. */
export function retryPause({ first, longest }: RetryPauses, tries: number): number {
  return Math.min(longest, first * 2 ** Math.max(0, tries - 1));
}

/** Whether a message that has failed is to be left alone as yet. What is further off than any pause is a clock put back. */
export function isTooSoon({ longest }: RetryPauses, retryAt: number, now: number): boolean {
  return retryAt > now && retryAt - now <= longest;
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
