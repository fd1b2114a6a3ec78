// When something is due: the next try of a message, the next poll of a mailbox, a deletion.
import { describe, expect, test } from "vitest";
import type { LedgerEntry } from "../../../src/fetch/ledger/ledger.ts";
import { isDue, pollPause, reasonToWait, retryPause, spreadPause } from "../../../src/fetch/plan/schedule.ts";

const NOW = 1_760_000_000_000;

test("the pause between two tries doubles up to the longest one", () => {
  const pauses = [0, 1, 2, 3, 4, 5].map((tries) => retryPause({ first: 10, longest: 70 }, tries));
  expect(pauses).toEqual([10, 10, 20, 40, 70, 70]);
});

describe("a message is not tried", () => {
  const policy = { tries: 3, retry: { first: 10, longest: 1000 } };
  const WAITS = "failed, and not due yet";
  test.each<[string, Partial<LedgerEntry>, ReturnType<typeof reasonToWait>]>([
    ["before its time", { status: "failed", retryAt: NOW + 1 }, WAITS],
    ["but at its time", { status: "failed", retryAt: NOW }, undefined],
    ["but without a time", { status: "failed" }, undefined],
    ["within the longest pause", { status: "failed", retryAt: NOW + 1000 }, WAITS],
    ["but if the clock was set back", { status: "failed", retryAt: NOW + 1001 }, undefined],
    ["but if it has not failed", { status: "skipped", retryAt: NOW + 1 }, undefined],
    ["after as many tries as the policy allows", { status: "quarantined", tries: 3 }, "quarantined"],
    ["but if the policy allows more tries", { status: "quarantined", tries: 2 }, undefined],
    ["if the number of its tries is not known", { status: "quarantined" }, "quarantined"],
  ])("%s", (_name, entry, reason) => {
    expect(reasonToWait({ id: "a", status: "failed", firstSeen: 1, ...entry }, policy, NOW)).toBe(reason);
  });

  test("even if it was quarantined and the policy allows any number of tries, but they are not known", () => {
    const endless = { ...policy, tries: Infinity };
    const entry: LedgerEntry = { id: "a", status: "quarantined", firstSeen: 1 };
    expect(reasonToWait(entry, endless, NOW)).toBe("quarantined");
    expect(reasonToWait({ ...entry, tries: 99 }, endless, NOW)).toBeUndefined();
  });
});

describe("the pause before the next poll", () => {
  const pauses = { shortest: 100, longest: 400, jitter: 0.1 };
  test.each<[before: number | undefined, mailCame: boolean, pause: number]>([
    [undefined, true, 100],
    [undefined, false, 200],
    [100, false, 200],
    [300, false, 400],
    [400, false, 400],
    [400, true, 200],
    [200, true, 100],
    [150, true, 100],
    [1, false, 100],
    [9999, true, 400],
  ])("after one of %s, and mail: %s", (before, mailCame, pause) => {
    expect(pollPause(pauses, before, mailCame)).toBe(pause);
  });

  test.each<[pause: number, jitter: number, random: number, spread: number]>([
    [200, 0.1, 0, 180],
    [200, 0.1, 0.5, 200],
    [200, 0.1, 1, 220],
    [200, 0, 0.9, 200],
    [100, 0.1, 0, 100],
    [100, 0.1, 1, 110],
    [105, 0.1, 0, 100],
    [400, 0.1, 1, 400],
    [400, 0.1, 0, 360],
    [390, 0.1, 1, 400],
    [200, 1, 0, 100],
    [200, 1, 1, 400],
    // Beyond the range: LOGIN-DELAY, and a mailbox that may be polled early.
    [1000, 0.1, 1, 1000],
    [1000, 0.1, 0, 900],
    [50, 0.1, 0, 50],
    [50, 0.1, 1, 55],
  ])("%s, spread by %s (chance: %s)", (pause, jitter, random, spread) => {
    expect(spreadPause({ ...pauses, jitter }, pause, () => random)).toBeCloseTo(spread, 9);
  });

  test.each([0, 0.1, 1])("without an end is not spread, by %s", (jitter) => {
    for (const shortest of [0, Infinity])
      expect(spreadPause({ shortest, longest: Infinity, jitter }, Infinity, () => 0.5)).toBe(Infinity);
  });
});

test.each<[after: number, largerThan: number, size: number | undefined, age: number, due: boolean]>([
  [0, Infinity, 1, 0, true],
  [10, Infinity, 1, 9, false],
  [10, Infinity, 1, 10, true],
  [Infinity, Infinity, 1, 10, false],
  [Infinity, 5, 5, 0, false],
  [Infinity, 5, 6, 0, true],
  [Infinity, 5, undefined, 0, false],
  [Infinity, 0, undefined, 0, false],
  [10, 5, 6, 0, true],
])(
  "after %s ms, or larger than %s: a message of size %s and age %s is due: %s",
  (after, largerThan, size, age, due) => {
    expect(isDue({ after, largerThan }, NOW - age, size, NOW)).toBe(due);
  },
);
