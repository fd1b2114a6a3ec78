import { describe, expect, it } from "vitest";
import { COST_MAX, parsingCost } from "../../src/parse/parsing-cost.ts";

const MIB = 1024 * 1024;
const cost = (text: string): number => parsingCost(Buffer.from(text, "latin1"));
const fill = (unit: string, size: number): string => unit.repeat(Math.floor(size / unit.length));
const part = (header: string): string => `--b\r\n${header}\r\n\r\nx\r\n`;

describe("parsingCost", () => {
  it("counts one step for each octet of harmless input", () => {
    expect(cost("")).toBe(0);
    expect(cost("abc")).toBe(3);
    expect(cost("x".repeat(1000))).toBe(1000);
  });

  it("stays far below the limit for real mail of the largest size", () => {
    const base64 = `${fill("QUJDREVGR0hJSktMTU5P", 60)}QUJDREVGR0hJSk+M\r\n`;
    const text = "The quick brown fox jumps over the lazy dog, again and again.\r\n";
    const table = `${fill("name            4711            ", 64)}\r\n`;
    const patch = "--- a/src/file.ts\n+++ b/src/file.ts\n@@ -1,3 +1,3 @@\n context\n-old\n+new\n\n";
    const parts = part(
      "Content-Type: image/png; name=a.png\r\nContent-Disposition: attachment; filename=a.png",
    );
    for (const [unit, size] of [
      [base64, 64 * MIB],
      [text, 64 * MIB],
      [table, 64 * MIB],
      [patch, 4 * MIB],
    ] as const) {
      expect(cost(fill(unit, size))).toBeLessThan(COST_MAX);
    }
    expect(cost(parts.repeat(1000))).toBeLessThan(COST_MAX / 5);
  });

  // What each would do to the parser is in megabytes and seconds, for a message of this size or little more.
  it.each([
    ["a run of blanks, which costs quadratic time", `${" ".repeat(40_000)}x`],
    ["many runs of blanks", fill(`${" ".repeat(997)}x`, 2 * MIB)],
    ["a run of CRs in a part's header", part(`X: ${"\r".repeat(40_000)}x`)],
    ["a run of CRCRLFs in a part's header", part(`X: ${"\r\r\n".repeat(15_000)}x`)],
    ["only line ends", fill("\n", 8 * MIB)],
    ["only escapes", fill("=41", 32 * MIB)],
    ["only padding", fill("A=", 20 * MIB)],
    ["only shifts of UTF-7", fill("+AGE-", 20 * MIB)],
    ["a part's header of addresses", part(`To: ${fill("g:", 3 * MIB)}`)],
    ["a part's header of folded addresses", part(`To:\r\n ${fill("a@b,\r\n ", 3 * MIB)}`)],
    ["a part's header whose first name has a blank before it", part(` To: ${fill("a@b,", 3 * MIB)}`)],
    [
      "a part's header whose name has a control character before it",
      part(`X: 1\r\n\vTo: ${fill("a@b,", 3 * MIB)}`),
    ],
    ["a part's header of references", part(fill("References: <a>\r\n", 3 * MIB))],
    ["a part's header of list fields", part(fill("List-Id: <a>\r\n", 3 * MIB))],
    ["a part's header of parameters", part(`Content-Type: text/plain; ${fill("a=b;", 9 * MIB)}`)],
    ["a part's header of fields", part(fill("a:b\r\n", 8 * MIB))],
    ["a boundary after a CR", `\r${part(`To: ${fill("a@b,", 3 * MIB)}`)}`],
  ])("exceeds the limit for %s", (_, text) => {
    expect(cost(text)).toBeGreaterThan(COST_MAX);
  });

  it("counts no quadratic cost for input that the parser reads in linear time", () => {
    // Empty lines end a header, so their line ends are in no run of it.
    expect(cost("\r\n".repeat(10_000))).toBeLessThan(10_000 * 200);
    expect(cost("x  \r\n".repeat(10_000))).toBeLessThan(10_000 * 200);
    // Addresses in a body are text.
    expect(cost(`--b\r\n\r\nTo: ${fill("a@b,", 3 * MIB)}`)).toBeLessThan(4 * MIB);
    expect(cost(`To: ${fill("a@b,", 3 * MIB)}`)).toBeLessThan(4 * MIB);
  });

  it("takes linear time", () => {
    for (const unit of [
      " ",
      "\t",
      "\r",
      "\n",
      "\r\n",
      "\r\r\n",
      "=",
      "+",
      "--\n",
      "--\nTo: a\n",
      "--",
      "-",
    ]) {
      expect(cost(fill(unit, 2 * MIB))).toBeGreaterThanOrEqual(2 * MIB - 16);
    }
  });
});
