// JSON with the lines of its values: the same values as JSON.parse gives, and refused where that refuses.
import fc from "../fast-check.ts";
import { describe, expect, test } from "vitest";
import { JsonSyntaxError, parseJsonLines } from "../../src/cli/json-lines.ts";

const RUNS = { seed: 20260901, numRuns: 500 };

test("whatever is JSON is read as JSON.parse reads it", () => {
  const documents = fc.tuple(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(undefined, 1, "\t", "\r\n "));
  fc.assert(
    fc.property(documents, ([value, space]) => {
      const text = JSON.stringify(value, undefined, space);
      expect(parseJsonLines(text).value).toEqual(JSON.parse(text));
    }),
    RUNS,
  );
});

test("whatever is no JSON is refused, with a line that is there", () => {
  const pieces = fc.array(
    fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"a"',
      '"',
      "1",
      "-",
      "0.5",
      "1e3",
      "tru",
      "true",
      "null",
      "\\",
      "\n",
      " ",
    ),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(pieces, (words) => {
      const text = words.join("");
      let expected: unknown;
      try {
        expected = { value: JSON.parse(text) as unknown };
      } catch {
        expected = "refused";
      }
      let got: unknown;
      try {
        got = { value: parseJsonLines(text).value };
      } catch (error) {
        if (!(error instanceof JsonSyntaxError)) throw error;
        expect(error.line).toBeGreaterThan(0);
        expect(error.line).toBeLessThanOrEqual(text.split("\n").length);
        // A key that is there twice is a slip in a configuration.
        got = error.message.endsWith("is there twice") ? expected : "refused";
      }
      expect(got).toEqual(expected);
    }),
    { ...RUNS, numRuns: 5000 },
  );
});

describe("lines", () => {
  const document = parseJsonLines('{\n"a":\n[1,\n{ "b": 2 }],\n"c": "x"\n}');
  test.each([
    ["", 1],
    ["a", 2],
    ["a[0]", 3],
    ["a[1]", 4],
    ["a[1].b", 4],
    ["c", 5],
    ["a[1].none", 4],
    ["a[7].none", 2],
    ["none.below", 1],
  ])("of %j", (path, line) => {
    expect(document.lineOf(path)).toBe(line);
  });

  test.each([
    ['{\n"a": 1\n"b": 2 }', 3, 'expected "," or "}", found "\\""'],
    ["[1,\n2", 2, 'expected "," or "]", found the end of the file'],
    ['{ "a"\n1 }', 2, 'expected ":"'],
    ["[".repeat(40), 1, "expected at most 32 levels"],
    [
      String.raw`{ "a": 1,${"\n"}"b": "C:\Mail" }`,
      2,
      String.raw`"\M" is not an escape sequence of JSON: write "\\"`,
    ],
    [String.raw`["a\"b\u00e4\x", "c"]`, 1, String.raw`"\x" is not an escape sequence`],
  ])("of what is wrong: %j", (text, line, words) => {
    expect(() => parseJsonLines(text)).toThrow(
      expect.objectContaining({ line, message: expect.stringContaining(words) as string }),
    );
  });

  test("a byte order mark is no part of it, and __proto__ is a key", () => {
    expect(parseJsonLines('\ufeff{ "__proto__": 1 }').value).toEqual(JSON.parse('{ "__proto__": 1 }'));
  });
});
