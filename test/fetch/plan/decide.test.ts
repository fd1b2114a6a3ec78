// What a plan says of one message, in full: the step, and what the ledger is to record.
import { describe, expect, test } from "vitest";
import type { LedgerEntry, MessageStatus } from "../../../src/fetch/ledger/ledger.ts";
import { contentId, isContentId, isSettled } from "../../../src/fetch/plan/entry.ts";
import { markOf } from "../../../src/fetch/plan/baseline.ts";
import { planFetch, type FetchPlan, type Situation } from "../../../src/fetch/plan/plan.ts";
import { completePolicy, type FetchPolicy } from "../../../src/fetch/plan/policy.ts";
import type { Listed } from "../../../src/fetch/plan/steps.ts";

const DAY = 86_400_000;
const NOW = 1_000 * DAY;
const message = (number: number, uid: string | undefined = "u1", size: number | undefined = 100): Listed => ({
  number,
  uid,
  size,
});
/** A message that is listed by UIDL alone. */
const sizeless = (number: number, uid?: string): Listed => ({ number, uid, size: undefined });
const entry = (status: MessageStatus, more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  ...{ id: "u1", status, firstSeen: NOW - DAY, size: 100 },
  ...more,
});

function plan(
  listing: readonly Listed[],
  known: readonly LedgerEntry[] = [],
  policy: FetchPolicy = {},
  more: Partial<Situation> = {},
): FetchPlan {
  return planFetch({
    ...{ listing, entries: new Map(known.map((each) => [each.id, each])), first: false },
    ...{ policy: completePolicy(policy), now: NOW },
    ...more,
  });
}

const NOTHING: FetchPlan = {
  ...{ retrieve: [], remove: [], skip: [], left: 0, entries: [], forgotten: [] },
  baseline: undefined,
};
/** A step that retrieves a whole message by its unique-id. */
const WHOLE = {
  ...{ id: "u1", own: undefined, what: "whole", baseline: false, before: undefined, namesake: undefined },
} as const;
/** A step that retrieves a message to see its content. */
const CONTENT = { ...WHOLE, id: undefined } as const;

describe("a message that is retrieved", () => {
  test("is named by its unique-id, and has its entry", () => {
    const failed = entry("failed");
    expect(plan([message(1)])).toEqual({ ...NOTHING, retrieve: [{ ...message(1), ...WHOLE }] });
    expect(plan([message(1)], [failed])).toEqual({
      ...NOTHING,
      retrieve: [{ ...message(1), ...WHOLE, before: failed }],
    });
  });

  test("has no name if its unique-id is missing", () => {
    expect(plan([sizeless(1), sizeless(2)])).toEqual({
      ...NOTHING,
      retrieve: [sizeless(1), sizeless(2)].map((each) => ({ ...each, ...CONTENT })),
    });
  });

  test("without a size is not too large", () => {
    expect(plan([sizeless(1, "u1")], [], { maxSize: 0 }).retrieve).toHaveLength(1);
    expect(plan([sizeless(1)], [], { maxSize: 0 }).retrieve).toHaveLength(1);
  });
});

describe("a message from before the first run", () => {
  const OLD: FetchPolicy = { firstRun: "none" };

  test("is recorded with its size", () => {
    expect(plan([message(1)], [], OLD, { first: true })).toEqual({
      ...NOTHING,
      entries: [{ id: "u1", status: "baseline", firstSeen: NOW, size: 100 }],
    });
    const { entries } = plan([sizeless(1, "u1")], [], OLD, { first: true });
    expect(entries[0]).toStrictEqual({ id: "u1", status: "baseline", firstSeen: NOW });
  });

  test("that has no unique-id is retrieved to be recorded, and a mark finds it again", () => {
    const old = [sizeless(1), message(2, "u2")];
    const first = plan(old, [], OLD, { first: true });
    expect(first.retrieve).toEqual([{ ...sizeless(1), ...CONTENT, baseline: true }]);
    expect(first.baseline).toBe(markOf(old));
    const later = plan([...old, sizeless(3)], first.entries, OLD, { baseline: first.baseline });
    expect(later.retrieve).toEqual([
      { ...sizeless(1), ...CONTENT, baseline: true },
      { ...sizeless(3), ...CONTENT },
    ]);
    expect(later.baseline).toBe(first.baseline);
  });

  test("needs no mark once nothing of it is left to see", () => {
    const old = [message(1), message(2, "u2")];
    const first = plan(old, [], OLD, { first: true });
    expect(first.baseline).toBeUndefined();
    expect(plan(old, first.entries, OLD, { baseline: markOf(old) }).baseline).toBeUndefined();
  });

  test("is retrieved to be recorded even if the run may retrieve nothing", () => {
    const { retrieve, left, baseline } = plan(
      [sizeless(1), message(2, "u2")],
      [],
      {
        ...OLD,
        limits: { messages: 0 },
      },
      { first: true },
    );
    expect([retrieve.length, left]).toEqual([1, 0]);
    expect(baseline).toBeDefined();
  });

  test("is not one that the ledger knows by its unique-id", () => {
    const known = entry("deleted");
    const { retrieve } = plan([message(1)], [known], {}, { baseline: markOf([message(1)]) });
    expect(retrieve).toEqual([{ ...message(1), ...CONTENT, namesake: known }]);
  });
});

describe("a message that is deleted", () => {
  test("was delivered: its entry keeps what identifies it", () => {
    const known = entry("delivered", { headers: "aa", tries: 2, reason: "x" });
    expect(plan([message(1)], [known], { delete: "delivered" })).toEqual({
      ...NOTHING,
      remove: [
        {
          ...{ ...message(1), id: "u1" },
          entry: { id: "u1", status: "deleted", firstSeen: NOW - DAY, size: 100, headers: "aa" },
        },
      ],
    });
  });

  test("has the size of its entry if the server lists none", () => {
    const policy: FetchPolicy = { delete: { largerThan: 99 } };
    expect(plan([sizeless(1, "u1")], [entry("delivered")], policy).remove).toHaveLength(1);
    expect(plan([sizeless(1, "u1")], [entry("delivered", { size: 99 })], policy).remove).toHaveLength(0);
    // What the server lists counts.
    expect(plan([message(1, "u1", 99)], [entry("delivered")], policy).remove).toHaveLength(0);
  });

  test("is too large, and says so", () => {
    const policy: FetchPolicy = { maxSize: 99, tooLarge: "delete" };
    const gone = { id: "u1", status: "deleted", size: 100, reason: "too large" };
    expect(plan([message(1)], [], policy)).toEqual({
      ...NOTHING,
      remove: [{ ...message(1), id: "u1", entry: { ...gone, firstSeen: NOW } }],
    });
    expect(plan([message(1)], [entry("skipped", { reason: "too large" })], policy)).toEqual({
      ...NOTHING,
      remove: [{ ...message(1), id: "u1", entry: { ...gone, firstSeen: NOW - DAY } }],
    });
  });
});

describe("a message that is too large", () => {
  const HEADERS: FetchPolicy = { maxSize: 99, tooLarge: "headers" };
  const NO_TOP = "too large, and the server has no TOP for its headers";

  test("is skipped, and recorded", () => {
    expect(plan([message(1)], [], { maxSize: 99 })).toEqual({
      ...NOTHING,
      skip: [{ ...message(1), reason: "too large" }],
      entries: [{ id: "u1", status: "skipped", firstSeen: NOW, size: 100, reason: "too large" }],
    });
    // It has failed before the policy got smaller.
    expect(plan([message(1)], [entry("failed")], { maxSize: 99 }).entries).toEqual([
      entry("skipped", { reason: "too large" }),
    ]);
  });

  test("has its headers retrieved", () => {
    expect(plan([message(1)], [], HEADERS)).toEqual({
      ...NOTHING,
      retrieve: [{ ...message(1), ...WHOLE, what: "headers" }],
    });
  });

  test("is skipped if the server has no TOP", () => {
    expect(plan([message(1)], [], HEADERS, { withoutTop: true })).toEqual({
      ...NOTHING,
      skip: [{ ...message(1), reason: NO_TOP }],
      entries: [{ id: "u1", status: "skipped", firstSeen: NOW, size: 100, reason: NO_TOP }],
    });
    expect(plan([message(1)], [entry("skipped")], HEADERS, { withoutTop: true }).entries).toEqual([]);
  });

  test("is skipped without a record if only its content identifies it", () => {
    const nameless: Listed = { number: 1, uid: undefined, size: 100 };
    for (const tooLarge of ["skip", "headers", "delete"] as const)
      expect(plan([nameless], [], { maxSize: 99, tooLarge })).toEqual({
        ...NOTHING,
        skip: [{ ...nameless, reason: "too large" }],
      });
  });
});

describe("a message that has failed", () => {
  const failed = entry("failed", {
    ...{ reason: "full", failedAt: NOW - 5, tries: 2, failures: 3, retryAt: NOW + 5 },
  });

  test("is skipped with its failure and the time of the next try", () => {
    expect(plan([message(1)], [failed])).toEqual({
      ...NOTHING,
      skip: [
        {
          ...message(1),
          reason: "failed, and not due yet",
          failure: { id: "u1", reason: "full", at: NOW - 5, tries: 2 },
          retryAt: NOW + 5,
        },
      ],
    });
  });

  test("is skipped without a next try if it is quarantined", () => {
    const [skip] = plan([message(1)], [{ ...failed, status: "quarantined", tries: 5 }]).skip;
    expect(skip).toStrictEqual({
      ...message(1),
      reason: "quarantined",
      failure: { id: "u1", reason: "full", at: NOW - 5, tries: 5 },
    });
  });

  test("has 0 tries if the ledger counts none", () => {
    const [skip] = plan([message(1)], [entry("failed", { retryAt: NOW + 5 })]).skip;
    expect(skip?.failure).toEqual({ id: "u1", reason: undefined, at: undefined, tries: 0 });
  });

  test("comes after those that have not, and so does one that was quarantined", () => {
    const listing = ["a", "b", "c", "d"].map((uid, index) => message(index + 1, uid));
    const known = [
      entry("failed", { id: "a" }),
      entry("quarantined", { id: "b", tries: 1 }),
      entry("skipped", { id: "c" }),
    ];
    expect(plan(listing, known).retrieve.map(({ id }) => id)).toEqual(["c", "d", "a", "b"]);
  });
});

describe("a unique-id that may belong to another message", () => {
  const byContent = (listed: Listed, known: LedgerEntry): boolean | undefined =>
    plan([listed], [known]).retrieve[0]?.id === undefined && plan([listed], [known]).retrieve.length > 0;
  test.each<[string, Listed, LedgerEntry, boolean]>([
    ["deleted, and listed again", message(1), entry("deleted"), true],
    ["delivered, and listed with the same size", message(1), entry("delivered", { headers: "aa" }), false],
    [
      "delivered, and listed with another size",
      message(1, "u1", 99),
      entry("delivered", { headers: "aa" }),
      true,
    ],
    ["the same, but the headers are not known", message(1, "u1", 99), entry("delivered"), false],
    [
      "the same, but the headers do not identify it",
      message(1, "u1", 99),
      entry("delivered", { headers: "~a" }),
      false,
    ],
    ["the same, but listed without a size", sizeless(1, "u1"), entry("delivered", { headers: "aa" }), false],
    [
      "gone, and listed with another size",
      message(1, "u1", 99),
      entry("baseline", { goneSince: NOW - 1 }),
      true,
    ],
    [
      "not delivered, and listed with another size",
      message(1, "u1", 99),
      entry("baseline", { headers: "aa" }),
      false,
    ],
  ])("%s", (_name, listed, known, decides) => {
    expect(byContent(listed, known)).toBe(decides);
  });

  test("the size that was recorded may be missing", () => {
    const { size: _, ...known } = entry("delivered", { headers: "aa", goneSince: NOW - 1 });
    expect(byContent(message(1), known)).toBe(false);
  });

  test("the content may show that it is the entry's message", () => {
    const known = entry("delivered", { headers: "aa" });
    expect(plan([message(1, "u1", 99)], [known]).retrieve).toEqual([
      { ...message(1, "u1", 99), ...CONTENT, namesake: known },
    ]);
  });

  test("not so if the message was deleted and this one has another size: it may be a second copy", () => {
    const gone = entry("deleted");
    expect(plan([message(1)], [gone]).retrieve[0]?.namesake).toBe(gone);
    expect(plan([message(1, "u1", 99)], [gone]).retrieve[0]?.namesake).toBeUndefined();
  });

  test("nor if two messages have the unique-id, except for the one with its size", () => {
    const known = entry("delivered", { headers: "aa" });
    const steps = plan([message(1), message(2, "u1", 99)], [known]).retrieve;
    expect(steps.map(({ id, namesake }) => [id, namesake])).toEqual([
      [undefined, known],
      [undefined, undefined],
    ]);
  });
});

describe("a message with a unique-id of its own that may be known by its content", () => {
  const known = entry("baseline", { id: contentId("d") });

  test.each<[string, MessageStatus]>([
    ["left out by the first run", "baseline"],
    ["delivered", "delivered"],
    ["failed", "failed"],
  ])("%s: the content decides", (_name, status) => {
    expect(plan([message(1)], [{ ...known, status }]).retrieve).toEqual([
      { ...message(1), ...CONTENT, own: "u1" },
    ]);
  });

  test("also if its size is not known", () => {
    const { size: _, ...unsized } = known;
    expect(plan([sizeless(1, "u1")], [unsized]).retrieve).toEqual([
      { ...sizeless(1, "u1"), ...CONTENT, own: "u1" },
    ]);
    expect(plan([message(1)], [unsized]).retrieve[0]?.id).toBe("u1");
  });

  test("also if it failed before it was known by its content", () => {
    const failed = entry("failed", { retryAt: NOW + 5 });
    expect(plan([message(1)], [failed, known]).retrieve).toEqual([
      { ...message(1), ...CONTENT, own: "u1", namesake: failed },
    ]);
  });

  test("it is not deleted for its size, because it may be left out", () => {
    const { remove, skip } = plan([message(1)], [known], { maxSize: 99, tooLarge: "delete" });
    expect([remove, skip]).toEqual([[], [{ ...message(1), reason: "too large" }]]);
  });

  test.each<[string, Listed, LedgerEntry]>([
    ["of another size", message(1, "u1", 99), known],
    ["gone", message(1), { ...known, goneSince: NOW - 1 }],
    ["deleted", message(1), { ...known, status: "deleted" }],
    ["known by another unique-id", message(1), { ...known, id: "u2" }],
  ])("not if that one is %s", (_name, listed, other) => {
    expect(plan([listed], [other]).retrieve).toEqual([{ ...listed, ...WHOLE }]);
  });

  test("not if the ledger knows it by its unique-id", () => {
    expect(plan([message(1)], [entry("delivered"), known]).retrieve).toEqual([]);
    expect(plan([message(1)], [entry("delivered"), known], { delete: "delivered" }).remove).toHaveLength(1);
  });
});

describe("what is recorded of an entry as it is now", () => {
  const gone = entry("skipped", { goneSince: NOW - 1 });

  test("it is no longer gone if its message is listed again", () => {
    expect(plan([message(1)], [gone]).entries).toStrictEqual([entry("skipped")]);
    expect(plan([message(1)], [entry("skipped")]).entries).toEqual([]);
  });

  test("it is still gone if another message has its unique-id", () => {
    expect(plan([message(1, "u1", 99)], [gone]).entries).toEqual([]);
  });

  test("it is not from a time to come, also if it is gone", () => {
    const future = { firstSeen: NOW + 1 };
    expect(plan([message(1)], [entry("skipped", future)]).entries).toEqual([
      entry("skipped", { firstSeen: NOW }),
    ]);
    expect(plan([message(1)], [{ ...gone, ...future }]).entries).toStrictEqual([
      entry("skipped", { firstSeen: NOW }),
    ]);
    expect(plan([message(1)], [entry("skipped", { firstSeen: NOW })]).entries).toEqual([]);
  });

  test("nothing if several messages have its unique-id", () => {
    const unsure = { ...gone, firstSeen: NOW + 1 };
    expect(plan([message(1), message(2)], [unsure]).entries).toEqual([]);
  });
});

describe("a message that the server no longer lists", () => {
  test("is marked as gone once", () => {
    const known = entry("delivered");
    expect(plan([], [known]).entries).toEqual([{ ...known, goneSince: NOW }]);
    expect(plan([], [{ ...known, goneSince: NOW - 1 }]).entries).toEqual([]);
    expect(plan([sizeless(1), message(2, "u2")], [known]).entries).toEqual([{ ...known, goneSince: NOW }]);
  });

  test("is forgotten after the time that the policy sets, and not at its end", () => {
    const known = entry("delivered", { goneSince: NOW - DAY });
    expect(plan([], [known], { keepDays: 1 })).toEqual(NOTHING);
    expect(plan([], [known], { keepDays: 0.99 })).toEqual({ ...NOTHING, forgotten: ["u1"] });
  });

  test("is not marked if its content names it, but forgotten if it was", () => {
    const id = contentId("d");
    expect(isContentId(id)).toBe(true);
    expect(isContentId("d")).toBe(false);
    expect(plan([], [entry("delivered", { id })])).toEqual(NOTHING);
    expect(plan([], [entry("delivered", { id, goneSince: NOW - 2 * DAY })], { keepDays: 1 })).toEqual({
      ...NOTHING,
      forgotten: [id],
    });
  });
});

test.each<[MessageStatus, settled: boolean, settledIfGone: boolean]>([
  ["delivered", true, true],
  ["headers", true, true],
  ["baseline", true, true],
  ["deleted", true, false],
  ["skipped", false, false],
  ["failed", false, false],
  ["quarantined", false, false],
])("a message that is %s must not be delivered: %s; if it was gone: %s", (status, settled, settledIfGone) => {
  expect(isSettled(entry(status))).toBe(settled);
  expect(isSettled(entry(status, { goneSince: NOW }))).toBe(settledIfGone);
});

describe("the limits of a run", () => {
  const sized = (size: number | undefined, index: number): Listed => ({
    ...{ number: index + 1, uid: `u${String(index)}`, size },
  });
  const numbers = (listing: readonly Listed[], limits: FetchPolicy["limits"] = {}): number[] => [
    ...plan(listing, [], { limits }).retrieve.map(({ number }) => number),
  ];

  test("do not count messages that their content identifies", () => {
    const mixed = [sizeless(1), message(2, "b"), sizeless(3), message(4, "c"), sizeless(5)];
    expect(numbers(mixed, { messages: 1 })).toEqual([1, 2, 3]);
    expect(numbers(mixed, { messages: 0 })).toEqual([1]);
    expect(numbers(mixed, { octets: 199 })).toEqual([1, 2, 3]);
    const large: Listed = { number: 1, uid: undefined, size: 1000 };
    expect(numbers([large, message(2, "b"), message(3, "c")], { octets: 200 })).toEqual([1, 2, 3]);
  });

  test("count no bytes of messages without a size", () => {
    expect(numbers([undefined, 10, undefined, 10, 10].map(sized), { octets: 20 })).toEqual([1, 2, 3, 4]);
  });

  test("let a message through that alone exceeds them, and none after it", () => {
    expect(numbers([100, 1].map(sized), { octets: 50 })).toEqual([1]);
    expect(numbers([10, 100, 1].map(sized), { octets: 50 })).toEqual([1]);
    expect(numbers([25, 25, 1].map(sized), { octets: 50 })).toEqual([1, 2]);
  });
});

test("the order of a run does not change the listing", () => {
  const listing = [message(1, "a"), message(2, "b")];
  expect(plan(listing, [], { order: "newest" }).retrieve.map(({ number }) => number)).toEqual([2, 1]);
  expect(listing.map(({ number }) => number)).toEqual([1, 2]);
});
