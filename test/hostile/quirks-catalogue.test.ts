// The catalogue of quirks is complete: every known quirk has a row, and each difference is explained.
import { expect, test } from "vitest";
import { QUIRKS_CAPABILITIES } from "./quirks-capabilities.ts";
import { QUIRKS_GREETING } from "./quirks-greeting.ts";
import { QUIRKS_LISTINGS } from "./quirks-listings.ts";
import { QUIRKS_MESSAGES } from "./quirks-messages.ts";
import { QUIRKS_PIPELINING } from "./quirks-pipelining.ts";
import { QUIRKS_SESSIONS } from "./quirks-sessions.ts";
import { QUIRKS_TLS } from "./quirks-tls.ts";
import { QUIRKS_UNIQUE_IDS } from "./quirks-unique-ids.ts";
import type { Row } from "./row.ts";

const ROWS: readonly Row[] = [
  ...[...QUIRKS_GREETING, ...QUIRKS_CAPABILITIES, ...QUIRKS_TLS],
  ...[...QUIRKS_LISTINGS, ...QUIRKS_UNIQUE_IDS],
  ...[...QUIRKS_MESSAGES, ...QUIRKS_PIPELINING, ...QUIRKS_SESSIONS],
];

const numbers = (first: number, last: number): string[] =>
  Array.from({ length: last - first + 1 }, (_, index) => `Q.${first + index}`);

/** The quirks up to TLS, and after the login. Those of the login, 43 to 66, are in test/client. */
const QUIRKS: readonly string[] = [...numbers(1, 42), ...numbers(67, 110)];

test("every quirk has a row, and every row belongs to a quirk", () => {
  expect(QUIRKS).toHaveLength(86);
  const covered = new Set(ROWS.map(({ row }) => row));
  expect(QUIRKS.filter((number) => !covered.has(number))).toEqual([]);
  expect([...covered].filter((number) => !QUIRKS.includes(number))).toEqual([]);
});

test("the names of rows are unique", () => {
  const names = ROWS.map(({ row, name }) => `${name} (${row})`);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

test("each difference is explained", () => {
  const reasons = ROWS.flatMap(({ differs }) => (differs === undefined ? [] : [differs]));
  expect(reasons.length).toBeGreaterThan(0);
  expect(reasons.filter((reason) => reason.length < 20)).toEqual([]);
});
