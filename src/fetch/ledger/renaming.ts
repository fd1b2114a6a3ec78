// Checks and prepares the renaming of a ledger. Every ledger uses this one rule.
import { printable } from "../../protocol/printable.ts";
import { isDeepStrictEqual } from "node:util";
import { checkText, configError } from "../../options/checks.ts";
import type { LedgerSnapshot } from "./ledger.ts";
import { LedgerError } from "./ledger-error.ts";

/** Throws `POP3_CONFIG` if a name is not a non-empty string, or if the two are the same. */
export function checkNames(from: string, to: string): void {
  for (const [what, name] of Object.entries({ from, to })) {
    checkText(`the name to rename ${what}`, name);
  }
  if (from === to)
    throw configError(
      `the ledger of ${printable(from)} already has this name: the new name must be another one`,
    );
}

/**
 * Returns the contents of the renamed ledger. Throws `POP3_LEDGER` if `to` already knows messages, unless
 * they are exactly those of `from`: then a process died during the same renaming, and this call completes it.
 */
export function renamed(
  from: string,
  to: string,
  source: LedgerSnapshot,
  target: LedgerSnapshot,
): LedgerSnapshot {
  const { entries, state, keyName = from } = source;
  const snapshot = keyName === to ? { entries, state } : { entries, state, keyName };
  const { size } = target.entries;
  if (size === 0 || isSame(snapshot, target)) return snapshot;
  throw new LedgerError(
    `cannot rename the ledger of ${printable(from)}: the ledger of ${printable(to)} already knows ${String(size)} messages. ` +
      `If they may be forgotten, delete the ledger of ${printable(to)} first`,
  );
}

function isSame(a: LedgerSnapshot, b: LedgerSnapshot): boolean {
  return a.keyName === b.keyName && isDeepStrictEqual([a.entries, a.state], [b.entries, b.state]);
}

export function noLedger(mailbox: string, where: string): LedgerError {
  return new LedgerError(`there is no ledger of ${printable(mailbox)}${where}`);
}
