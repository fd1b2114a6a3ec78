// What a run needs to know that nothing has changed: a digest of the listing, and when something becomes due.
import { beforeEach, describe, expect, test } from "vitest";
import type { LedgerEntry } from "../../../src/fetch/ledger/ledger.ts";
import { completePolicy } from "../../../src/fetch/plan/policy.ts";
import { listingDigest, nextDue } from "../../../src/fetch/plan/quiet.ts";
import type { Listed } from "../../../src/fetch/plan/steps.ts";

const POLICY = completePolicy();
const LISTING: readonly Listed[] = [
  { number: 1, uid: "a", size: 10 },
  { number: 2, uid: "b", size: 20 },
];

describe("the digest of a listing", () => {
  let same: string;
  beforeEach(() => {
    same = listingDigest(LISTING, POLICY);
  });

  test("is the same for the same listing and policy", () => {
    expect(same).toMatch(/^[0-9a-f]{64}$/);
    expect(listingDigest(structuredClone(LISTING), completePolicy())).toBe(same);
  });

  test.each<[string, readonly Listed[]]>([
    ["a number", [LISTING[0] as Listed, { number: 3, uid: "b", size: 20 }]],
    ["a unique-id", [LISTING[0] as Listed, { number: 2, uid: "c", size: 20 }]],
    ["a size", [LISTING[0] as Listed, { number: 2, uid: "b", size: 21 }]],
    ["a size that is missing", [LISTING[0] as Listed, { number: 2, uid: "b", size: undefined }]],
    ["a unique-id that is missing", [LISTING[0] as Listed, { number: 2, uid: undefined, size: 20 }]],
    ["the order", [...LISTING].reverse()],
    ["one message less", LISTING.slice(1)],
    ["nothing at all", []],
  ])("changes with %s", (_name, listing) => {
    expect(listingDigest(listing, POLICY)).not.toBe(same);
  });

  test("changes with the policy", () => {
    expect(listingDigest(LISTING, completePolicy({ delete: "delivered" }))).not.toBe(same);
  });

  test("distinguishes what joins to the same text", () => {
    const pair = (uid: string, number: number): string =>
      listingDigest(
        [
          { number: 1, uid, size: 10 },
          { number, uid: "b", size: 5 },
        ],
        POLICY,
      );
    expect(pair("a1", 2)).not.toBe(pair("a", 12));
    const one = (uid: string | undefined, size: number | undefined): string =>
      listingDigest([{ number: 1, uid, size }], POLICY);
    expect(one("x", undefined)).not.toBe(one("x", 0));
    expect(one(undefined, 1)).not.toBe(one("undefined", 1));
  });
});

describe("the next time at which something is due", () => {
  const entry = (more: Partial<LedgerEntry>): LedgerEntry => ({
    ...{ id: "a", status: "delivered", firstSeen: 1000 },
    ...more,
  });
  const policy = { delete: { after: 50, largerThan: Infinity }, keep: 300 };
  test.each<[string, readonly LedgerEntry[], number | undefined]>([
    ["nothing is known", [], undefined],
    ["a deletion", [entry({})], 1050],
    [
      "the earlier of two deletions",
      [entry({ firstSeen: 2000 }), entry({}), entry({ firstSeen: 3000 })],
      1050,
    ],
    [
      "a message that is never deleted",
      [entry({ status: "baseline" }), entry({ status: "headers" })],
      undefined,
    ],
    ["the end of the time for a message that is gone", [entry({ goneSince: 1000 })], 1301],
    ["the same for one that is not delivered", [entry({ status: "skipped", goneSince: 1000 })], 1301],
    ["the earlier of two that are gone", [entry({ goneSince: 2000 }), entry({ goneSince: 900 })], 1201],
    ["the earlier of both", [entry({ goneSince: 1000 }), entry({ firstSeen: 1200 })], 1250],
  ])("%s", (_name, entries, due) => {
    expect(nextDue(entries, policy)).toBe(due);
  });

  test("is never if nothing is deleted", () => {
    expect(nextDue([entry({})], POLICY)).toBeUndefined();
  });
});
