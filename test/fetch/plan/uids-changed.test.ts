// Detection of changed unique-ids: whether all listed messages are new, or are known messages with new
// unique-ids.
import { describe, expect, test } from "vitest";
import type { LedgerEntry } from "../../../src/fetch/ledger/ledger.ts";
import type { Listed } from "../../../src/fetch/plan/steps.ts";
import { areThere, matched, sampleOf, vanished } from "../../../src/fetch/plan/uid-reset.ts";

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
    ["two messages are too few", listing("x"), map(known("a"), known("b")), 0],
    [
      "deleted messages are not expected",
      listing("x"),
      map(known("a", { status: "deleted" }), known("b"), known("c")),
      0,
    ],
    [
      "messages that were gone before are not expected",
      listing("x"),
      map(known("a", { goneSince: 1 }), known("b"), known("c")),
      0,
    ],
    [
      "messages identified by content are not expected",
      listing("x"),
      map(known("\0a"), known("b"), known("c")),
      0,
    ],
    [
      "messages that were never delivered cannot be delivered twice",
      listing("x"),
      map(...["a", "b", "c"].map((id) => known(id, { status: "failed" }))),
      0,
    ],
    [
      "messages that were not delivered are evidence for the others",
      listing("x"),
      map(known("a"), known("b", { status: "failed" }), known("c", { status: "skipped" })),
      3,
    ],
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
  [[1, 2, 3, 7, 8, 9], [1, 2, 3, 4, 5, 6], true],
  [[1, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9], true],
])("sizes %j and %j agree: %s", (sizes, before, agree) => {
  const messages = sizes.map((size, i) => ({ number: i + 1, uid: "x", size }));
  // Without TOP, or if it is refused for each.
  for (const headers of [undefined, new Map<number, string>()])
    expect(
      areThere(
        messages,
        before.map((size) => known("a", { size })),
        headers,
      ),
    ).toBe(agree);
});

test("sizes decide if no headers were received, although those of the known messages are recorded", () => {
  const before = [1, 2, 3].map((size) => known("a", { size, headers: "aa" }));
  const messages = [1, 2, 3].map((size) => ({ number: size, uid: "x", size }));
  expect(areThere(messages, before, new Map())).toBe(true);
});

describe("compared headers", () => {
  type Sides = readonly (string | undefined)[];
  test.each<[string, listed: Sides, known: Sides, there: boolean]>([
    ["one identifying digest is known", ["1", "2", "3"], ["3", "8", "9"], true],
    ["no identifying digest is known", ["1", "2", "3"], ["7", "8", "9"], false],
    [
      "identifying digests decide, whatever the others are",
      ["1", "~a", "~a", "~a"],
      ["9", "~a", "~a", "~a"],
      false,
    ],
    ["all look alike", ["~a", "~a", "~b"], ["~b", "~a", "~a"], true],
    ["they look different", ["~a", "~b", "~c"], ["~d", "~e", "~f"], false],
    ["two of three look alike", ["~a", "~b", "~c"], ["~a", "~b", "~f"], false],
    ["a similar digest is weaker than an identifying one", ["1", "2", "3"], ["~a", "~b", "~c"], false],
    [
      "messages that were never retrieved are compared by size",
      ["~a", "~b", "~c"],
      [undefined, undefined, undefined],
      true,
    ],
    ["so are those among others", ["1", "2", "3"], ["~a", undefined, undefined, undefined], true],
    ["also if the others identify messages", ["1", "2", "3"], ["9", undefined, undefined, undefined], true],
    ["two of them are too few", ["1", "2", "3"], ["~a", undefined, undefined], false],
  ])("%s", (_name, listed, before, there) => {
    const messages = listed.map((_, i) => ({ number: i + 1, uid: "x", size: 5 }));
    const headers = new Map(listed.map((digest, i) => [i + 1, digest ?? ""]));
    const expected = before.map((digest) =>
      known("a", { size: 5, ...(digest === undefined ? {} : { headers: digest }) }),
    );
    expect(areThere(messages, expected, headers)).toBe(there);
  });

  test.each<[string, listed: Sides, known: Sides, there: boolean]>([
    ["one digest", ["1", "2", "3", "4"], ["4", "8", "9"], false],
    ["three of four digests", ["1", "2", "3", "4"], ["2", "3", "4"], true],
    ["the same digest three times", ["1", "1", "1", "4"], ["1", "8", "9"], false],
  ])("messages that the policy deletes now: %s", (_name, listed, before, there) => {
    const messages = listed.map((_, i) => ({ number: i + 1, uid: "x", size: 5 }));
    const headers = new Map(listed.map((digest, i) => [i + 1, digest ?? ""]));
    const leaving = before.map((digest) => known("a", { headers: digest ?? "" }));
    expect(areThere(messages, leaving, headers, new Set(leaving))).toBe(there);
    // One that is kept is enough.
    const kept = known("b", { headers: "1" });
    expect(areThere(messages, [...leaving, kept], headers, new Set(leaving))).toBe(true);
  });

  test("of a sample only: what the sample leaves out does not count", () => {
    const messages = Array.from({ length: 10 }, (_, i) => ({ number: i + 1, uid: "x", size: 5 }));
    const headers = new Map([1, 3, 5, 7].map((number) => [number, "~a"]));
    const before = Array.from({ length: 10 }, (_, i) =>
      known("a", { size: 5, headers: i < 3 ? "~a" : "~z" }),
    );
    expect(areThere(messages, before, headers)).toBe(true);
    expect(areThere(messages, before.slice(1), headers)).toBe(false);
  });

  test("prove nothing without sizes, if they only look alike", () => {
    const messages = [1, 2, 3].map((number) => ({ number, uid: "x", size: undefined }));
    const before = ["a", "b", "c"].map((id) => known(id, { headers: "~a" }));
    expect(areThere(messages, before, new Map(messages.map(({ number }) => [number, "~a"])))).toBe(false);
    expect(areThere(messages, before, undefined), "sizes that are not known are not equal").toBe(false);
  });

  test("messages that look alike and have other sizes are different messages", () => {
    const headers = new Map([1, 2, 3].map((number) => [number, "~a"]));
    const before = [7, 8, 9].map((size) => known("a", { size, headers: "~a" }));
    expect(areThere(listing("x", "y", "z"), before, headers)).toBe(false);
  });
});

test("headers that only look alike match nothing: the message is delivered again", () => {
  const { entries, forgotten } = matched(
    listing("x"),
    [known("a", { headers: "~1", size: 0 })],
    new Map([[1, "~1"]]),
  );
  expect([entries, forgotten]).toEqual([[], []]);
});

test("each entry gets its new unique-id once, and a message without a match is new", () => {
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

test("a message without a unique-id takes its entry with it, and gets no new name", () => {
  const messages = [
    { number: 1, uid: undefined, size: 5 },
    { number: 2, uid: "y", size: 5 },
    { number: 3, uid: "z", size: undefined },
  ];
  const expected = [known("a", { headers: "1", size: 7 }), known("b", { headers: "2", size: 7 })];
  const headers = new Map([
    [1, "1"],
    [2, "1"],
    [3, "2"],
  ]);
  // A size that the server does not list stays as it was.
  expect(matched(messages, expected, headers)).toEqual({
    entries: [known("z", { headers: "2", size: 7 })],
    forgotten: ["b"],
  });
});

test("a new size that is listed is recorded, and a message without headers matches nothing", () => {
  const expected = [known("a", { headers: "1", size: 7 }), known("b", { size: 7 })];
  const headers = new Map<number, string | undefined>([
    [1, "1"],
    [2, undefined],
  ]);
  expect(matched(listing("x", "y", "z"), expected, headers)).toEqual({
    entries: [known("x", { headers: "1", size: 0 })],
    forgotten: ["a"],
  });
});
