import fc from "../support/fast-check.ts";
import { expect, it } from "vitest";
import { escaped, unescaped } from "../../src/testing/escapes.ts";

it.each([
  ["+OK", "+OK"],
  ["a\0\x1b\x7f\r\n", "a\\x00\\x1b\\x7f\\x0d\\x0a"],
  ["é \u0085\u202e\u2028\ufeff", "é \\u0085\\u202e\\u2028\\ufeff"],
  ["a\u200b\u00ad\ufe0f\u{e0041}", "a\\u200b\\u00ad\\ufe0f\\u{e0041}"],
  ["C:\\mail\\", "C:\\mail\\x5c"],
  ["\\x41 \\u0041 \\xg", "\\x5cx41 \\x5cu0041 \\xg"],
  [Buffer.from([0xe9, 0x20, 0x85]), "\\xe9 \\x85"],
])("writes %j as %j, and reads it back", (octets, text) => {
  expect(escaped(Buffer.from(octets))).toBe(text);
  expect(unescaped(text)).toEqual(Buffer.from(octets));
});

it.each([
  ["\\u{e0041}", "\\x5cu{e0041}"],
  ["\\u{10FFFF}", "\\x5cu{10FFFF}"],
  ["\\u{110000} \\u{} \\u{e0041", "\\u{110000} \\u{} \\u{e0041"],
])("keeps the text %j, which looks like an escape", (octets, text) => {
  expect(escaped(Buffer.from(octets))).toBe(text);
  expect(unescaped(text)).toEqual(Buffer.from(octets));
});

it("reads handwritten escapes", () => {
  expect(unescaped("\\xC3\\xa9 \\u00E9 é \\n \\")).toEqual(Buffer.from("é é é \\n \\"));
});

it("reads back its own output, and writes only one line", () => {
  const any = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((octets) => Buffer.from(octets)),
    fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => Buffer.from(text)),
    fc
      .array(fc.constantFrom("\\", "x", "u", "{", "}", "0", "4", "1", "\n", "é", "\u2028", "\u{e0041}"), {
        maxLength: 20,
      })
      .map((pieces) => Buffer.from(pieces.join(""))),
  );
  fc.assert(
    fc.property(any, (octets) => {
      const text = escaped(octets);
      expect(unescaped(text)).toEqual(octets);
      expect(text).not.toMatch(/[\r\n\u2028\u2029]|\\$/);
    }),
    { seed: 1939, numRuns: 1000 },
  );
});
