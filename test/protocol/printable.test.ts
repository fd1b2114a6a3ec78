// A peer's words are printed without cursor movements, forged lines or reversed text.
import fc from "../support/fast-check.ts";
import { describe, expect, test } from "vitest";
import { escapeUnsafe, isPrintable, printable, shown, typeOf } from "../../src/protocol/printable.ts";
import { Secrets } from "../../src/protocol/secrets.ts";
import { always } from "../support/octets.ts";

test.each([
  ["plain text", "no such message", "no such message"],
  ["an empty text", "", ""],
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
  ["zero-width characters", "a\u200bb\u200cc\u200dd\u2060", "a\\u200bb\\u200cc\\u200dd\\u2060"],
  ["soft hyphens", "pass\u00adword", "pass\\xadword"],
  ["tag characters", "\u{e0001}\u{e0041}\u{e007f}", "\\u{e0001}\\u{e0041}\\u{e007f}"],
  ["variation selectors", "a\ufe0f\u{e0100}", "a\\ufe0f\\u{e0100}"],
  ["fillers and invisible operators", "\u3164\u115f\u2062", "\\u3164\\u115f\\u2062"],
  ["annotations", "\ufff9a\ufffb", "\\ufff9a\\ufffb"],
])("prints %s", (_, text, expected) => {
  expect(printable(text)).toBe(expected);
  expect(escapeUnsafe(text)).toBe(expected);
  expect(isPrintable(text)).toBe(text === expected);
});

test("one unsafe character in the middle is enough", () => {
  expect(isPrintable("a\x07b")).toBe(false);
  expect(isPrintable("ab")).toBe(true);
});

test("cuts a text after 512 characters", () => {
  expect(printable("x".repeat(512))).toBe("x".repeat(512));
  expect(printable("x".repeat(513))).toBe(`${"x".repeat(512)}…`);
  expect(printable("x".repeat(1_000_000))).toHaveLength(513);
});

test("removes secrets before it cuts the text, so that no part of one is left at the end", () => {
  expect(printable(`${"x".repeat(508)}tanstaaf`, new Secrets("tanstaaf"))).toBe(`${"x".repeat(508)}****`);
  expect(printable(`${"x".repeat(510)}tanstaaf`, new Secrets("tanstaaf"))).toBe(`${"x".repeat(510)}**…`);
});

test("leaves only safe characters in any text, and limits the length", () => {
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
    "\u200b",
    "\u{e0041}",
  );
  always(
    fc.oneof(fc.string({ unit: "binary", maxLength: 50 }), fc.string({ unit, maxLength: 700 })),
    (text) => {
      const shown = printable(text);
      expect(shown).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]/u);
      expect(shown.length).toBeLessThanOrEqual(512 * 6 + 1);
      // What is safe stays as it is.
      expect(printable(shown.slice(0, 512))).toBe(shown.slice(0, 512));
    },
    500,
  );
});

describe("a value of the caller in an error", () => {
  test.each([
    ["5", '"5"'],
    ["-1.5", '"-1.5"'],
    ["10,000", '"10,000"'],
    ["5s", '"5s"'],
    ["10 minutes", '"10 minutes"'],
    ["true", '"true"'],
    ["No", '"No"'],
    ["off", '"off"'],
    [5, "5"],
    [-0.5, "-0.5"],
    [10n, "10"],
    [false, "false"],
    [undefined, "undefined"],
    [null, "null"],
  ])("is shown if it is a number, a switch or nothing: %o", (value, expected) => {
    expect(shown(value)).toBe(expected);
  });

  test.each([
    ["", "an empty string"],
    ["hunter2", "a string"],
    ["x5", "a string"],
    ["5 hunters2", "a string"],
    ["5hunter-word", "a string"],
    ["5 longpass", "a string"],
    ["trueish", "a string"],
    ["on and on", "a string"],
    [["hunter2"], "an array"],
    [{ pass: "hunter2" }, "an object"],
    [() => "hunter2", "a function"],
    [Symbol("hunter2"), "a symbol"],
  ])("is only named if it may be a secret: %o", (value, expected) => {
    expect(shown(value)).toBe(expected);
  });

  test.each([
    [undefined, "undefined"],
    [null, "null"],
    ["5", "a value of type string"],
    [5, "a value of type number"],
    [{}, "a value of type object"],
  ])("has a type that can be shown: %o", (value, expected) => {
    expect(typeOf(value)).toBe(expected);
  });
});
