// Mail from before the first run: which messages it is, and the mark by which a later session finds them again.
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { markedMail, markOf, oldMail } from "../../../src/fetch/plan/baseline.ts";
import type { Listed } from "../../../src/fetch/plan/steps.ts";

const listing = (...sizes: (number | undefined)[]): Listed[] =>
  sizes.map((size, index) => ({ number: index + 1, uid: undefined, size }));
const numbers = (messages: readonly Listed[]): number[] => messages.map(({ number }) => number);

test.each<[Parameters<typeof oldMail>[1], number[]]>([
  ["all", []],
  ["none", [1, 2, 3]],
  [{ newest: 0 }, [1, 2, 3]],
  [{ newest: 2 }, [1]],
  [{ newest: 9 }, []],
])("firstRun %j: old mail is %j of three messages", (firstRun, old) => {
  expect(numbers(oldMail(listing(10, 20, 30), firstRun))).toEqual(old);
});

test.each<[string, Listed[], Listed[], number[]]>([
  ["as it was", listing(1, 2), listing(1, 2), [1, 2]],
  ["with new mail after it", listing(1, 2), listing(1, 2, 3, 4), [1, 2]],
  ["with one message missing", listing(1, 2, 3), listing(1, 3), []],
  ["with one message replaced", listing(1, 2), listing(1, 3), []],
  ["in another order", listing(1, 2), listing(2, 1), []],
  ["without sizes", listing(undefined, undefined), listing(undefined, undefined), [1, 2]],
  ["with sizes whose digits join to the same string", listing(1, 23), listing(12, 3), []],
  ["empty", [], listing(1), []],
])("markedMail recognises the old mail: %s", (_name, old, now, expected) => {
  expect(numbers(markedMail(markOf(old), now))).toEqual(expected);
});

test("the mark is the number of the messages, and a digest of their sizes: ledgers keep it", () => {
  const digest = createHash("sha256").update("1 undefined 3").digest("hex");
  expect(markOf(listing(1, undefined, 3))).toBe(`3 ${digest}`);
});
