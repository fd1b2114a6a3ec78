// Tells which changes of a mailbox need not be durable.
import type { LedgerChanges, MailboxState } from "../fetch/ledger/ledger.ts";

/**
 * Tells whether changes are only of the times of the last and the next poll: if the power fails, nothing else is
 * lost. `recorded`: the state as recorded last.
 */
export function isIdleChange(
  recorded: MailboxState,
  { entries = [], forgotten = [], state }: LedgerChanges,
): boolean {
  const others = ({ lastRun: _, interval: __, ...rest }: MailboxState): string => JSON.stringify(rest);
  const isSame = state === undefined || others(state) === others(recorded);
  return isSame && entries.length === 0 && forgotten.length === 0;
}
