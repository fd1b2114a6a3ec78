// A message whose unique-id is missing in this session is found among those that the server does not list now.
import { expect, test } from "vitest";
import type { LedgerEntry } from "../../../src/fetch/ledger/ledger.ts";
import type { Listed } from "../../../src/fetch/plan/steps.ts";
import { Unlisted } from "../../../src/fetch/plan/unlisted.ts";

const listed = (...uids: (string | undefined)[]): Listed[] =>
  uids.map((uid, index) => ({ number: index + 1, uid, size: 10 }));
const entry = (id: string, more: Partial<LedgerEntry> = {}): LedgerEntry => ({
  ...{ id, status: "delivered", firstSeen: 1, size: 10, headers: "aa" },
  ...more,
});
const known = (...entries: LedgerEntry[]): Map<string, LedgerEntry> =>
  new Map(entries.map((each) => [each.id, each]));

test("an entry is returned once, by headers and size", () => {
  const gone = entry("gone");
  const unlisted = new Unlisted(listed("here", undefined), known(entry("here"), gone));
  expect(unlisted.take("aa", 11)).toBeUndefined();
  expect(unlisted.take("bb", 10)).toBeUndefined();
  expect(unlisted.take("aa", 10)).toBe(gone);
  expect(unlisted.take("aa", 10)).toBeUndefined();
});

test.each<[string, LedgerEntry]>([
  ["is listed", entry("here")],
  ["was deleted", entry("gone", { status: "deleted" })],
  ["has no headers", { id: "gone", status: "delivered", firstSeen: 1, size: 10 }],
  ["has headers that do not identify it", entry("gone", { headers: "~aa" })],
  ["is named by its content", entry("\0gone")],
  ["has another size", entry("gone", { size: 9 })],
])("an entry is not returned if it %s", (_name, each) => {
  const unlisted = new Unlisted(listed("here", undefined), known(each));
  expect(unlisted.take("aa", 10)).toBeUndefined();
  expect(unlisted.take("~aa", 10)).toBeUndefined();
});

test("nothing is looked for if each message has a unique-id", () => {
  expect(new Unlisted(listed("here", "there"), known(entry("gone"))).take("aa", 10)).toBeUndefined();
  expect(new Unlisted([], known(entry("gone"))).take("aa", 10)).toBeUndefined();
});

test("headers that do not identify one message find nothing, even if an older version has recorded them", () => {
  const unlisted = new Unlisted(listed(undefined), known(entry("gone", { headers: "undefined" })));
  expect(unlisted.take("~undefined", 10)).toBeUndefined();
  expect(unlisted.take("undefined", 10)).toMatchObject({ id: "gone" });
});
