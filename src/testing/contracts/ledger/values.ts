// Entries and states with which ledgers are tested, and the difference of entries in words.
import { isDeepStrictEqual } from "node:util";
import type { LedgerEntry, MailboxState } from "../../../fetch/ledger/ledger.ts";

export function entry(id: string, more: Partial<LedgerEntry> = {}): LedgerEntry {
  return { id, status: "delivered", firstSeen: 1_760_000_000_000, ...more };
}

/** An entry with every field. */
export const FULL: LedgerEntry = {
  id: "0000000a4b2c",
  status: "quarantined",
  firstSeen: 1_760_000_000_001,
  size: 0,
  headers: "~" + "0f".repeat(32),
  tries: 3,
  failures: 4,
  retryAt: 1_760_000_100_000,
  reason: "no \"space\" left on 'device' \\n \u2028\u2029 \u{1f4e7} {}[],:",
  failedAt: 1_760_000_050_000,
  goneSince: 1_760_000_200_000,
};

/** A state with every field. */
export const FULL_STATE: MailboxState = {
  lastRun: 1_760_000_000_000,
  notBefore: 1_760_000_000_001,
  notBeforeSaid: 0,
  interval: 937.5,
  failures: 0,
  baseline: "12 " + "a0".repeat(32),
  serialUntil: Number.MAX_SAFE_INTEGER,
  listing: "ff".repeat(32),
  due: 1_760_000_000_002,
  crashes: 2,
};

/** Ids that are hard to keep. Servers choose them; those that begin with NUL are our own. */
export const ODD_IDS: readonly string[] = [
  "\0" + "5d".repeat(32),
  "a",
  "A",
  "a ",
  "0",
  "-1",
  "1e3",
  "__proto__",
  "constructor",
  "null",
  "true",
  '"quoted"',
  "it's",
  "back\\slash",
  "%",
  "_",
  "$1",
  "{}",
  "[1,2]",
  "a,b",
  "a/../b",
  "a\nb\r\nc",
  "tab\t",
  "\u0001\u007f\u0080\u00ff",
  "\u0085\u2028\u2029\ufeff",
  "e\u0301",
  "\u00e9",
  "\u{1f4e7}",
  "x".repeat(1000),
];

/** A value without its prototype and its undefined properties: a ledger need not keep either. */
export function plain(value: object | undefined): object {
  return Object.fromEntries(Object.entries(value ?? {}).filter(([, each]) => each !== undefined));
}

/** Says what is different in entries, in any order. */
export function differences(actual: readonly LedgerEntry[], expected: readonly LedgerEntry[]): string[] {
  const found = new Map(actual.map((each) => [each.id, each]));
  const different: string[] = [];
  for (const one of expected) {
    const other = found.get(one.id);
    if (other === undefined) different.push(`no entry ${quoted(one.id)}`);
    else if (!isDeepStrictEqual(plain(other), plain(one)))
      different.push(
        `a different entry ${quoted(one.id)}: ${JSON.stringify(plain(other))}, and not ${JSON.stringify(one)}`,
      );
    found.delete(one.id);
  }
  for (const id of found.keys()) different.push(`an entry ${quoted(id)} that it must not have`);
  if (different.length === 0 && actual.length !== expected.length) different.push("an entry twice");
  return different;
}

/** An id as an error shows it. */
function quoted(id: string): string {
  const text = JSON.stringify(id);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
