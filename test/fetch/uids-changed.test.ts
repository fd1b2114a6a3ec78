// Whether everything is new, or has only other unique-ids than before.
import { describe, expect, test } from "vitest";
import type { LedgerEntry } from "../../src/fetch/ledger/ledger.ts";
import type { Listed } from "../../src/fetch/plan.ts";
import { matched, sampleOf, sizesAgree, vanished } from "../../src/fetch/uids-changed.ts";

const known = (id: string, more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  id,
  status: "delivered",
  firstSeen: 0,
  ...more,
});
const map = (...entries: LedgerEntry[]): Map<string, LedgerEntry> => new Map(entries.map((e) => [e.id, e]));
const listing = (...uids: string[]): Listed[] => uids.map((uid, i) => ({ number: i + 1, uid, size: i }));

describe("messages that should be there", () => {
  const three = map(known("a"), known("b"), known("c"));
  test.each<[string, Listed[], Map<string, LedgerEntry>, number]>([
    ["none of three is listed", listing("x", "y"), three, 3],
    ["one of three is listed", listing("x", "a"), three, 0],
    ["nothing is listed", [], three, 0],
    ["two are few", listing("x"), map(known("a"), known("b")), 0],
    [
      "what we deleted is not missed",
      listing("x"),
      map(known("a", { status: "deleted" }), known("b"), known("c")),
      0,
    ],
    [
      "what was gone before is not missed",
      listing("x"),
      map(known("a", { goneSince: 1 }), known("b"), known("c")),
      0,
    ],
    ["what goes by its content is not listed", listing("x"), map(known("\0a"), known("b"), known("c")), 0],
  ])("%s", (_name, messages, entries, count) => {
    expect(vanished(messages, entries)).toHaveLength(count);
  });
});

test("a sample is spread over the listing, and small", () => {
  const numbers = (count: number): number[] =>
    sampleOf(Array.from({ length: count }, (_, i) => ({ number: i + 1, uid: undefined, size: 0 }))).map(
      ({ number }) => number,
    );
  expect(numbers(3)).toEqual([1, 2, 3]);
  expect(numbers(80)).toEqual([1, 11, 21, 31, 41, 51, 61, 71]);
  expect(numbers(100_001).length).toBe(8);
});

test.each<[number[], number[], boolean]>([
  [[1, 2, 3, 4], [1, 2, 3, 4], true],
  [[1, 2, 3, 4], [4, 3, 9, 1, 8, 7], true],
  [[1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 8, 9, 10, 11], false],
  [[5, 5, 5], [5, 6, 7], false],
  [[1, 2], [1, 2], false],
])("sizes %j and %j agree: %s", (sizes, before, agree) => {
  expect(
    sizesAgree(
      sizes.map((size, i) => ({ number: i + 1, uid: "x", size })),
      before.map((size) => known("a", { size })),
    ),
  ).toBe(agree);
});

test("entries get their new unique-ids, each once, and what matches nothing is new", () => {
  const expected = [known("a", { headers: "1" }), known("b", { headers: "2" }), known("c", { headers: "2" })];
  const headers = new Map([
    [1, "2"],
    [2, "9"],
    [3, "1"],
    [4, "2"],
    [5, "2"],
  ]);
  const { entries, forgotten } = matched(listing("v", "w", "x", "y", "z"), expected, headers);
  expect(entries.map(({ id, headers: digest }) => [id, digest])).toEqual([
    ["v", "2"],
    ["x", "1"],
    ["y", "2"],
  ]);
  expect(forgotten).toEqual(["b", "a", "c"]);
});
