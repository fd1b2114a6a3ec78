// What a ledger says under another name: one rule for every ledger.
import { isDeepStrictEqual } from "node:util";
import { Pop3Error } from "../../errors.ts";
import { configError } from "../../options/checks.ts";
import type { LedgerSnapshot } from "./ledger.ts";

/** Throws `POP3_CONFIG` for names that make no sense. */
export function checkNames(from: string, to: string): void {
  for (const [what, name] of Object.entries({ from, to })) {
    if (typeof name !== "string" || name === "")
      throw configError(`the name to rename ${what} must be a non-empty string`);
  }
  if (from === to) throw configError(`the ledger of ${from} cannot be renamed to the name that it has`);
}

/**
 * What the ledger `to` is to say. Throws `POP3_LEDGER` if `to` knows messages already. If it knows exactly these, a
 * process died while it renamed the ledger, and that goes on.
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
  throw new Pop3Error(
    "POP3_LEDGER",
    `the ledger of ${to} knows ${String(size)} messages already, and is not overwritten with that of ${from}. ` +
      `If what it knows may be forgotten, delete the ledger of ${to} first`,
  );
}

function isSame(a: LedgerSnapshot, b: LedgerSnapshot): boolean {
  return a.keyName === b.keyName && isDeepStrictEqual([a.entries, a.state], [b.entries, b.state]);
}

export function noLedger(mailbox: string, where: string): Pop3Error {
  return new Pop3Error("POP3_LEDGER", `there is no ledger of ${mailbox}${where}`);
}
