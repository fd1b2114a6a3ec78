// Random records, with all the characters that could have a meaning in a file of lines.
import fc from "../../support/fast-check.ts";
import type {
  LedgerChanges,
  LedgerEntry,
  MailboxState,
  MessageStatus,
} from "../../../src/fetch/ledger/ledger.ts";

const HOT = [
  "\0",
  "\n",
  "\r\n",
  '"',
  "'",
  "\\",
  "\\n",
  ",",
  "{",
  "}",
  ">",
  " ",
  "\t",
  "\x7f",
  "\x80",
  "\xff",
];
const HOTTER = ["\u2028", "\u2029", "\ufeff", "\ud800", "\udc00", "\u{1f4e7}", "e\u0301", "\u0085", "a", "0"];

/** `""`, too. */
export const texts: fc.Arbitrary<string> = fc.string({
  unit: fc.constantFrom(...HOT, ...HOTTER),
  maxLength: 12,
});

const STATUSES: readonly MessageStatus[] = [
  ...(["delivered", "headers", "baseline", "skipped", "failed", "quarantined", "deleted"] as const),
];
const times = fc.integer({ min: 0, max: 4_102_444_800_000 });

/** Few ids, so that they meet again. */
const ids = fc.oneof(fc.constantFrom("a", "b", "c", "\0digest", ""), texts);

const entries: fc.Arbitrary<LedgerEntry> = fc.record(
  {
    id: ids,
    status: fc.constantFrom(...STATUSES),
    firstSeen: times,
    size: fc.nat(),
    headers: texts,
    tries: fc.nat(),
    retryAt: times,
    reason: texts,
    goneSince: times,
  },
  { requiredKeys: ["id", "status", "firstSeen"], noNullPrototype: true },
);

const states: fc.Arbitrary<MailboxState> = fc.record(
  {
    ...{ lastRun: times, interval: fc.nat(), listing: texts, due: times },
    ...{ notBefore: times, failures: fc.nat(), crashes: fc.nat(), baseline: texts },
  },
  { requiredKeys: [], noNullPrototype: true },
);

export const changes: fc.Arbitrary<LedgerChanges> = fc.record(
  {
    entries: fc.array(entries, { maxLength: 4 }),
    forgotten: fc.array(ids, { maxLength: 3 }),
    state: states,
  },
  { requiredKeys: [], noNullPrototype: true },
);
