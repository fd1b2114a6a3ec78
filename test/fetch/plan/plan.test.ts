// planFetch: what is done with each message, depending on the listing, the ledger and the policy.
import fc from "../../support/fast-check.ts";
import { times } from "../../support/octets.ts";
import { describe, expect, test } from "vitest";
import type { LedgerEntry, MessageStatus } from "../../../src/fetch/ledger/ledger.ts";
import { contentId } from "../../../src/fetch/plan/entry.ts";
import { planFetch, type FetchPlan } from "../../../src/fetch/plan/plan.ts";
import type { Listed } from "../../../src/fetch/plan/steps.ts";
import { completePolicy, type FetchPolicy } from "../../../src/fetch/plan/policy.ts";

const DAY = 24 * 60 * 60 * 1000;
const NOW = 1_000 * DAY;

const listed = (number: number, uid: string | undefined = `u${String(number)}`, size = 100): Listed => ({
  number,
  uid,
  size,
});
const entry = (id: string, status: MessageStatus, more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  id,
  status,
  firstSeen: NOW - DAY,
  size: 100,
  ...more,
});

function plan(
  listing: readonly Listed[],
  known: readonly LedgerEntry[] = [],
  policy: FetchPolicy = {},
  first = false,
): FetchPlan {
  return planFetch({
    listing,
    entries: new Map(known.map((each) => [each.id, each])),
    first,
    policy: completePolicy(policy),
    now: NOW,
  });
}

/** What is done with each message: a letter, and then the message's number. */
function summary({ retrieve, remove, skip, left }: FetchPlan): string {
  return [
    ...retrieve.map(
      ({ number, what, id }) => `${what === "headers" ? "H" : id === undefined ? "C" : "R"}${number}`,
    ),
    ...remove.map(({ number }) => `D${number}`),
    ...skip.map(({ number }) => `S${number}`),
    ...(left > 0 ? [`+${left}`] : []),
  ].join(" ");
}

describe("a message by its entry in the ledger", () => {
  const KEEP: FetchPolicy = {};
  const DELETE: FetchPolicy = { delete: "delivered" };
  const LATER: FetchPolicy = { delete: { afterDays: 2 } };
  test.each<[string, LedgerEntry | undefined, FetchPolicy, string]>([
    ["unknown", undefined, KEEP, "R1"],
    ["unknown, to be deleted", undefined, DELETE, "R1"],
    ["delivered", entry("u1", "delivered"), KEEP, ""],
    ["delivered, to be deleted", entry("u1", "delivered"), DELETE, "D1"],
    ["delivered a day ago, to be deleted after two", entry("u1", "delivered"), LATER, ""],
    ["delivered two days ago", entry("u1", "delivered", { firstSeen: NOW - 2 * DAY }), LATER, "D1"],
    ["delivered, and large", entry("u1", "delivered"), { delete: { largerThan: 99 } }, "D1"],
    ["delivered, and not large", entry("u1", "delivered"), { delete: { largerThan: 100 } }, ""],
    ["its headers delivered", entry("u1", "headers"), DELETE, ""],
    ["there before the first run", entry("u1", "baseline"), DELETE, ""],
    ["deleted, and still listed, or another message", entry("u1", "deleted"), KEEP, "C1"],
    ["delivered, and listed with another size", entry("u1", "delivered", { size: 99 }), DELETE, "D1"],
    [
      "delivered, and listed with another size, its headers known",
      entry("u1", "delivered", { size: 99, headers: "aa" }),
      DELETE,
      "C1",
    ],
    ["failed, and due", entry("u1", "failed", { retryAt: NOW }), DELETE, "R1"],
    ["failed, and not due", entry("u1", "failed", { retryAt: NOW + 1 }), DELETE, "S1"],
    ["quarantined", entry("u1", "quarantined"), DELETE, "S1"],
    ["skipped as too large, and allowed by the policy now", entry("u1", "skipped"), DELETE, "R1"],
    ["skipped as too large, and still too large", entry("u1", "skipped"), { maxSize: 99 }, "S1"],
  ])("%s", (_name, known, policy, expected) => {
    expect(summary(plan([listed(1)], known === undefined ? [] : [known], policy))).toBe(expected);
  });
});

describe("a clock that was set back", () => {
  const FUTURE = NOW + 3650 * DAY;

  test("does not delay the deletion of a message", () => {
    const known = entry("u1", "delivered", { firstSeen: FUTURE });
    const { entries, remove } = plan([listed(1)], [known], { delete: { afterDays: 2 } });
    expect(entries).toEqual([{ ...known, firstSeen: NOW }]);
    expect(remove).toEqual([]);
  });

  test("does not delay a failed message beyond the longest pause", () => {
    const failed = entry("u1", "failed", { retryAt: FUTURE });
    expect(summary(plan([listed(1)], [failed], { retry: { longest: DAY } }))).toBe("R1");
    const soon = entry("u1", "failed", { retryAt: NOW + DAY });
    expect(summary(plan([listed(1)], [soon], { retry: { longest: DAY } }))).toBe("S1");
  });
});

describe("the first run", () => {
  const listing = [listed(1), listed(2), listed(3)];
  test("retrieves everything", () => {
    expect(summary(plan(listing, [], {}, true))).toBe("R1 R2 R3");
  });

  test("retrieves nothing, and records the old messages", () => {
    const { retrieve, entries } = plan(listing, [], { firstRun: "none", delete: "delivered" }, true);
    expect(retrieve).toEqual([]);
    expect(entries.map(({ id, status }) => [id, status])).toEqual([
      ["u1", "baseline"],
      ["u2", "baseline"],
      ["u3", "baseline"],
    ]);
  });

  test("retrieves the newest", () => {
    expect(summary(plan(listing, [], { firstRun: { newest: 1 } }, true))).toBe("R3");
    expect(summary(plan(listing, [], { firstRun: { newest: 9 } }, true))).toBe("R1 R2 R3");
    expect(summary(plan(listing, [], { firstRun: { newest: 0 } }, true))).toBe("");
  });

  test("is over with the first listing", () => {
    expect(summary(plan(listing, [], { firstRun: "none" }, false))).toBe("R1 R2 R3");
  });

  test("retrieves messages without a unique-id, only to record their content", () => {
    const [step] = plan([{ number: 1, uid: undefined, size: 1 }], [], { firstRun: "none" }, true).retrieve;
    expect(step).toMatchObject({ id: undefined, baseline: true });
  });
});

describe("order and limits", () => {
  const listing = [listed(1, "a", 10), listed(2, "b", 20), listed(3, "c", 30)];
  test.each<[FetchPolicy, string]>([
    [{ order: "newest" }, "R3 R2 R1"],
    [{ limits: { messages: 2 } }, "R1 R2 +1"],
    [{ limits: { messages: 0 } }, "+3"],
    [{ limits: { octets: 30 } }, "R1 R2 +1"],
    [{ limits: { octets: 29 } }, "R1 +2"],
    [{ limits: { octets: 1 } }, "R1 +2"],
    [{ limits: { octets: 35 }, order: "newest" }, "R3 +2"],
  ])("%j", (policy, expected) => {
    expect(summary(plan(listing, [], policy))).toBe(expected);
  });

  test("messages that failed before come last", () => {
    expect(summary(plan(listing, [entry("a", "failed", { retryAt: 0 })]))).toBe("R2 R3 R1");
  });
});

describe("a message that is too large", () => {
  const listing = [listed(1, "a", 99), listed(2, "b", 100)];
  test("is skipped, and recorded once", () => {
    const { entries } = plan(listing, [], { maxSize: 99 });
    expect(summary(plan(listing, [], { maxSize: 99 }))).toBe("R1 S2");
    expect(entries).toMatchObject([{ id: "b", status: "skipped", reason: "too large" }]);
    expect(plan(listing, [...entries], { maxSize: 99 }).entries).toEqual([]);
  });

  test("has its headers delivered", () => {
    expect(summary(plan(listing, [], { maxSize: 99, tooLarge: "headers" }))).toBe("R1 H2");
    // As after a run in which the server had no TOP.
    const skipped = [entry("b", "skipped")];
    expect(summary(plan(listing, skipped, { maxSize: 99, tooLarge: "headers" }))).toBe("R1 H2");
  });

  test("is deleted if the policy says so", () => {
    const { remove } = plan(listing, [], { maxSize: 99, tooLarge: "delete" });
    expect(remove).toMatchObject([{ number: 2, entry: { id: "b", status: "deleted" } }]);
  });
});

describe("unique-ids that are missing or not unique", () => {
  test("a message with a missing or repeated unique-id is identified by its content", () => {
    expect(summary(plan([listed(1, "a"), { number: 2, uid: undefined, size: 1 }, listed(3, "a")]))).toBe(
      "C1 C2 C3",
    );
  });

  test.each<[string, LedgerEntry, Listed, string]>([
    ["deleted, gone, and listed again", entry("u1", "deleted", { goneSince: NOW - 1 }), listed(1), "C1"],
    ["gone, and listed again", entry("u1", "delivered", { goneSince: NOW - 1 }), listed(1), ""],
    [
      "gone, and listed again with another size",
      entry("u1", "delivered", { goneSince: NOW - 1 }),
      listed(1, "u1", 7),
      "C1",
    ],
  ])("%s", (_name, known, message, expected) => {
    expect(summary(plan([message], [known], { delete: "never" }))).toBe(expected);
  });
});

describe("a message that is gone", () => {
  test("is marked, not forgotten", () => {
    const { entries, forgotten } = plan([], [entry("a", "delivered")]);
    expect(entries).toEqual([entry("a", "delivered", { goneSince: NOW })]);
    expect(forgotten).toEqual([]);
  });

  test("is forgotten after thirty days", () => {
    const gone = (days: number) => [entry("a", "delivered", { goneSince: NOW - days * DAY })];
    expect(plan([], gone(30)).forgotten).toEqual([]);
    expect(plan([], gone(30.1)).forgotten).toEqual(["a"]);
    expect(plan([], gone(2), { keepDays: 1 }).forgotten).toEqual(["a"]);
  });

  test("is treated as before if it is listed again", () => {
    const { entries } = plan([listed(1)], [entry("u1", "delivered", { goneSince: NOW - 5 })]);
    expect(entries).toEqual([entry("u1", "delivered")]);
  });

  test("is not marked as gone if it is identified by its content", () => {
    expect(plan([], [entry(contentId("d"), "delivered")]).entries).toEqual([]);
  });
});

test("no message is deleted before its delivery, unless the policy says so", () => {
  const status = fc.constantFrom<MessageStatus>(
    ...(["delivered", "headers", "baseline", "skipped", "failed", "quarantined"] as const),
  );
  const known = fc.uniqueArray(
    fc.record({ number: fc.integer({ min: 1, max: 6 }), status, gone: fc.boolean(), size: fc.nat(3) }),
    { selector: ({ number }) => number },
  );
  const policy = fc.record({
    delete: fc.constantFrom("never", "delivered", { afterDays: 1 }, { largerThan: 1 }),
    maxSize: fc.nat(3),
    tooLarge: fc.constantFrom("skip", "headers"),
    order: fc.constantFrom("oldest", "newest"),
    firstRun: fc.constantFrom("all", "none", { newest: 2 }),
  }) as fc.Arbitrary<FetchPolicy>;
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 1, max: 8 })),
      known,
      policy,
      fc.boolean(),
      (numbers, entries, wish, first) => {
        const ledger = entries.map(({ number, status, gone, size }) =>
          entry(`u${String(number)}`, status, { size, ...(gone ? { goneSince: NOW - 1 } : {}) }),
        );
        const made = plan(
          numbers.map((number) => listed(number, `u${String(number)}`, number % 4)),
          ledger,
          wish,
          first,
        );
        const statuses = new Map(ledger.map(({ id, status }) => [id, status]));
        for (const { id } of made.remove) expect(statuses.get(id)).toBe("delivered");
        // Each message once, in one of the ways, or known.
        const seen = [...made.retrieve, ...made.remove, ...made.skip].map(({ number }) => number);
        expect(new Set(seen).size).toBe(seen.length);
        for (const { before } of made.retrieve)
          expect(["delivered", "baseline"]).not.toContain(before?.status);
      },
    ),
    { seed: 6, numRuns: times(500) },
  );
});
