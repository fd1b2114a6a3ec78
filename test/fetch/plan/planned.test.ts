// The report of a dry run: what a run by this plan would retrieve and delete.
import { describe, expect, test } from "vitest";
import type { LedgerEntry } from "../../../src/fetch/ledger/ledger.ts";
import { planFetch } from "../../../src/fetch/plan/plan.ts";
import { plannedRun, type PlannedRun } from "../../../src/fetch/plan/planned.ts";
import { completePolicy, type FetchPolicy } from "../../../src/fetch/plan/policy.ts";
import type { Listed } from "../../../src/fetch/plan/steps.ts";

const NOW = 1_760_000_000_000;
const DAY = 86_400_000;
const message = (number: number, uid: string | undefined, size = 10): Listed => ({ number, uid, size });

function planned(
  listing: readonly Listed[],
  policy: FetchPolicy,
  known: readonly LedgerEntry[] = [],
  first = false,
): PlannedRun {
  const complete = completePolicy(policy);
  const entries = new Map(known.map((entry) => [entry.id, entry]));
  return plannedRun(planFetch({ listing, entries, first, policy: complete, now: NOW }), complete, NOW);
}

const KNOWN: readonly LedgerEntry[] = [
  { id: "old", status: "delivered", firstSeen: NOW - 2 * DAY, size: 10 },
  { id: "failed", status: "failed", firstSeen: NOW - 2 * DAY, size: 10 },
];
const LISTING = [message(1, "old"), message(2, "failed"), message(3, "new"), message(4, undefined)];

test("what is retrieved says how it would be delivered", () => {
  const large = message(5, "large", 99);
  const { retrieve, delete: deleted } = planned(
    [...LISTING, large],
    { maxSize: 50, tooLarge: "headers" },
    KNOWN,
  );
  expect(retrieve).toEqual([
    { number: 3, uid: "new", size: 10, what: "whole" },
    { number: 4, uid: undefined, size: 10, what: "content" },
    { number: 5, uid: "large", size: 99, what: "headers" },
    { number: 2, uid: "failed", size: 10, what: "whole" },
  ]);
  expect(deleted).toEqual([]);
});

describe("what is deleted", () => {
  test("was delivered earlier, or would be delivered by this run", () => {
    expect(planned(LISTING, { delete: "delivered" }, KNOWN).delete).toEqual([
      { number: 1, uid: "old", size: 10, why: "delivered" },
      { number: 3, uid: "new", size: 10, why: "retrieved" },
      { number: 2, uid: "failed", size: 10, why: "retrieved" },
    ]);
  });

  test("has been known for long enough: a message that failed counts from when it was first seen", () => {
    expect(planned(LISTING, { delete: { afterDays: 1 } }, KNOWN).delete).toEqual([
      { number: 1, uid: "old", size: 10, why: "delivered" },
      { number: 2, uid: "failed", size: 10, why: "retrieved" },
    ]);
  });

  test("is large, or too large to be delivered", () => {
    const sized = [message(1, "a", 10), message(2, "b", 30), message(3, "c", 99)];
    const policy: FetchPolicy = { delete: { largerThan: 20 }, maxSize: 50, tooLarge: "delete" };
    expect(planned(sized, policy).delete).toEqual([
      { number: 3, uid: "c", size: 99, why: "too large" },
      { number: 2, uid: "b", size: 30, why: "retrieved" },
    ]);
  });

  test("is not a message of which only the headers are delivered", () => {
    const policy: FetchPolicy = { delete: "delivered", maxSize: 5, tooLarge: "headers" };
    expect(planned([message(1, "a")], policy)).toEqual({
      retrieve: [{ number: 1, uid: "a", size: 10, what: "headers" }],
      delete: [],
    });
  });

  test("is not a message from before the first run", () => {
    expect(planned([message(1, undefined)], { delete: "delivered", firstRun: "none" }, [], true)).toEqual({
      retrieve: [{ number: 1, uid: undefined, size: 10, what: "content" }],
      delete: [],
    });
  });
});
