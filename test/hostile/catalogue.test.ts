// The catalogue of rows is complete: every known case has a row, and each difference is explained.
import { expect, test } from "vitest";
import { AUTHENTICATION } from "./authentication.ts";
import { BEFORE_TLS } from "./before-tls.ts";
import { ENDINGS } from "./endings.ts";
import { GIVING_UP } from "./giving-up.ts";
import { GREETING } from "./greeting.ts";
import { LISTINGS } from "./listings.ts";
import { MATRIX } from "./matrix.ts";
import { MESSAGES } from "./messages.ts";
import { MIME } from "./mime.ts";
import { PASSWORDS } from "./passwords.ts";
import { PROOFS } from "./proofs.ts";
import { READERS } from "./readers.ts";
import { RESPONSES } from "./responses.ts";
import type { Row } from "./row.ts";
import { WAYS_IN } from "./ways-in.ts";
import { WEAR } from "./wear.ts";
import { WITHIN_TLS } from "./within-tls.ts";

const ROWS: readonly Row[] = [
  ...[...BEFORE_TLS, ...WITHIN_TLS, ...WAYS_IN],
  ...[...GREETING, ...AUTHENTICATION, ...PROOFS, ...PASSWORDS],
  ...[...RESPONSES, ...LISTINGS, ...MESSAGES],
  ...[...ENDINGS, ...GIVING_UP, ...READERS, ...WEAR, ...MATRIX],
  ...MIME,
];

const numbers = (section: string, first: number, last: number): string[] =>
  Array.from({ length: last - first + 1 }, (_, index) => `${section}.${first + index}`);

/** Before and within TLS; greeting and login; responses; the life of a session; what messages are made of. */
const CASES: readonly string[] = [
  ...numbers("3A", 1, 30),
  ...numbers("3B", 31, 60),
  ...["3B.61a", "3B.61b", "3B.61c", "3B.61d", "3B.61e", "3B.61f"],
  ...numbers("3C", 62, 93),
  ...numbers("3D", 94, 123),
  ...numbers("3E", 124, 127),
];

test("every case has a row, and every row belongs to a case", () => {
  expect(CASES).toHaveLength(132);
  const covered = new Set(ROWS.map(({ row }) => row));
  expect(CASES.filter((number) => !covered.has(number))).toEqual([]);
  expect([...covered].filter((number) => !CASES.includes(number))).toEqual([]);
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
