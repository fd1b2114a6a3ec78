// parseJsonLines accepts and rejects the same texts as JSON.parse, and knows the line of each value.
import fc from "../support/fast-check.ts";
import { describe, expect, test, vi } from "vitest";
import { JsonSyntaxError, parseJsonLines } from "../../src/cli/json-lines.ts";

const RUNS = { seed: 20260901, numRuns: 500 };

test("valid JSON gives the same value as JSON.parse", () => {
  const documents = fc.tuple(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(undefined, 1, "\t", "\r\n "));
  fc.assert(
    fc.property(documents, ([value, space]) => {
      const text = JSON.stringify(value, undefined, space);
      expect(parseJsonLines(text).value).toEqual(JSON.parse(text));
    }),
    RUNS,
  );
});

test("invalid JSON is rejected with a line of the text", () => {
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
        // A duplicate key is a mistake in a configuration, although JSON.parse accepts it.
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
  ])("the line of %j", (path, line) => {
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
  ])("the line and the message of an error: %j", (text, line, words) => {
    expect(() => parseJsonLines(text)).toThrow(
      expect.objectContaining({ line, message: expect.stringContaining(words) as string }),
    );
  });

  test("comments are allowed, and do not change lines", () => {
    const document = parseJsonLines('// mine\n{ /* a\nb */ "a": 1, // one\n"b": 2 }\n// end');
    expect(document.value).toEqual({ a: 1, b: 2 });
    expect([document.lineOf("a"), document.lineOf("b")]).toEqual([3, 4]);
    expect(() => parseJsonLines('{ "a": 1 } /* open')).toThrow("expected the end of a comment");
  });

  test("a byte order mark is ignored, and __proto__ is a key", () => {
    expect(parseJsonLines('\ufeff{ "__proto__": 1 }').value).toEqual(JSON.parse('{ "__proto__": 1 }'));
  });
});

describe("a file with many accounts", () => {
  const accounts = Array.from({ length: 2000 }, (_, index) => ({ url: `pop3s://u${String(index)}@host` }));
  const text = JSON.stringify({ accounts }, undefined, 1);

  /** The characters that `work` copies with `slice`, as a multiple of those in the text. */
  const copied = (work: () => void): number => {
    const spy = vi.spyOn(String.prototype, "slice");
    try {
      work();
      const parts = spy.mock.results.map(({ value }) => (value as string).length);
      return parts.reduce((sum, length) => sum + length, 0) / text.length;
    } finally {
      spy.mockRestore();
    }
  };

  test("is not read again for each value", () => {
    expect(copied(() => void parseJsonLines(text))).toBeLessThan(4);
  });

  test("is read once more for the line of an error", () => {
    const document = parseJsonLines(text);
    expect(copied(() => void document.lineOf("accounts[1999].url"))).toBeLessThan(2);
    expect(document.lineOf("accounts[1999].url")).toBe(3 + 1999 * 3 + 1);
  });
});
