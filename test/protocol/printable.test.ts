// A peer's words can be printed: no cursor moves, no line is forged, no text is turned around.
import fc from "../fast-check.ts";
import { expect, test } from "vitest";
import { printable } from "../../src/protocol/printable.ts";
import { always } from "./octets.ts";

test.each([
  ["plain text", "no such message", "no such message"],
  ["nothing", "", ""],
  ["other scripts", "Größe 漢字 🙂", "Größe 漢字 🙂"],
  ["format specifiers", "%s %d %n", "%s %d %n"],
  ["a colour", "\x1b[31mred", "\\x1b[31mred"],
  ["a bell, a backspace and a delete", "\x07\b\x7f", "\\x07\\x08\\x7f"],
  ["line ends", "a\r\nb\nc", "a\\x0d\\x0ab\\x0ac"],
  ["a tab and a NUL", "\t\0", "\\x09\\x00"],
  ["controls from the upper half", "\x80\x85\x9b", "\\x80\\x85\\x9b"],
  ["line and paragraph separators", "\u2028\u2029", "\\u2028\\u2029"],
  ["marks that reorder text", "\u202e\u2066\u200f\u061c", "\\u202e\\u2066\\u200f\\u061c"],
  ["a byte order mark", "\ufeff", "\\ufeff"],
])("%s", (_, text, expected) => {
  expect(printable(text)).toBe(expected);
});

test("is cut behind 512 characters", () => {
  expect(printable("x".repeat(512))).toBe("x".repeat(512));
  expect(printable("x".repeat(513))).toBe(`${"x".repeat(512)}…`);
  expect(printable("x".repeat(1_000_000))).toHaveLength(513);
});

test.each([
  ["wherever it stands", "tanstaaf, not tanstaaf", ["tanstaaf"], "****, not ****"],
  ["and every one of them", "mrose tanstaaf", ["tanstaaf", "mrose"], "**** ****"],
  ["to the letter", "t.nstaaf Tanstaaf $& tanstaaf", ["t.nstaaf", "$&"], "**** Tanstaaf **** tanstaaf"],
  ["unsafe characters included", "a\x1bb", ["\x1b"], "a****b"],
  ["an empty one is nowhere", "abc", [""], "abc"],
])("a secret that is repeated is not printed: %s", (_, text, secrets, expected) => {
  expect(printable(text, secrets)).toBe(expected);
});

test("a secret is looked for before the text is cut: no part of it is left at the end", () => {
  expect(printable(`${"x".repeat(508)}tanstaaf`, ["tanstaaf"])).toBe(`${"x".repeat(508)}****`);
  expect(printable(`${"x".repeat(510)}tanstaaf`, ["tanstaaf"])).toBe(`${"x".repeat(510)}**…`);
});

test("whatever the text, nothing is left that is not safe, and little is made of much", () => {
  const unit = fc.constantFrom(
    "a",
    "漢",
    "🙂",
    "\\",
    "\x1b",
    "\r",
    "\n",
    "\0",
    "\x9f",
    "\u2029",
    "\u202e",
    "\u2069",
    "\ufeff",
  );
  always(
    fc.oneof(fc.string({ unit: "binary", maxLength: 50 }), fc.string({ unit, maxLength: 700 })),
    (text) => {
      const shown = printable(text);
      expect(shown).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\ufeff]/u);
      expect(shown.length).toBeLessThanOrEqual(512 * 6 + 1);
      // What is safe stays as it is.
      expect(printable(shown.slice(0, 512))).toBe(shown.slice(0, 512));
    },
    500,
  );
});
