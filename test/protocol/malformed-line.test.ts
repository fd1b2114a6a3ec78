// A malformed line of a listing is shown safely, and tells which messages have no value.
import { describe, expect, test } from "vitest";
import { Pop3Error, Pop3ProtocolError } from "../../src/errors.ts";
import {
  hasNoValues,
  malformedLine,
  numbersIn,
  type MalformedLine,
} from "../../src/protocol/malformed-line.ts";
import { Secrets } from "../../src/protocol/secrets.ts";

const bad = (command: MalformedLine["command"], number?: number): MalformedLine => ({
  command,
  number,
  text: "",
  reason: number === undefined ? "no number" : command === "LIST" ? "no size" : "space",
});

describe("the text of a line", () => {
  const textOf = (raw: string, secrets?: Secrets): string =>
    malformedLine("LIST", { number: undefined, raw, reason: "no number" }, secrets).text;

  test("comes with the command, the number and the reason", () => {
    expect(malformedLine("UIDL", { number: 2, raw: "2 a b", reason: "space" })).toEqual({
      command: "UIDL",
      number: 2,
      text: "2 a b",
      reason: "space",
    });
  });

  test("has at most 100 characters", () => {
    expect(textOf("x".repeat(100))).toBe("x".repeat(100));
    expect(textOf("x".repeat(101))).toBe(`${"x".repeat(99)}…`);
  });

  test("has control characters as escapes, and no secret", () => {
    expect(textOf("a\x1b[31m")).toBe("a\\x1b[31m");
    expect(textOf("pass tanstaaf", new Secrets("tanstaaf"))).toBe("pass ****");
  });

  test("is UTF-8 if its octets are, otherwise Latin-1", () => {
    expect(textOf("gr\xc3\xb6\xc3\x9fe")).toBe("größe");
    expect(textOf("gr\xf6\xdfe")).toBe("größe");
  });
});

describe("a listing in which no line has a value", () => {
  const failed = new Pop3ProtocolError("POP3_BAD_LISTING", "every line is malformed");

  test("can be done without if each line has a message number", () => {
    expect(hasNoValues(failed, [bad("UIDL", 1)], "UIDL")).toBe(true);
    expect(hasNoValues(failed, [bad("UIDL", 1), bad("UIDL", 2), bad("LIST")], "UIDL")).toBe(true);
  });

  test("is needed if a line has no number, because any message may be missing", () => {
    expect(hasNoValues(failed, [bad("UIDL", 1), bad("UIDL")], "UIDL")).toBe(false);
    expect(hasNoValues(failed, [bad("UIDL")], "UIDL")).toBe(false);
  });

  test("is not known by the lines of the other listing, or by none", () => {
    expect(hasNoValues(failed, [bad("LIST", 1)], "UIDL")).toBe(false);
    expect(hasNoValues(failed, [], "UIDL")).toBe(false);
  });

  test.each([
    ["another error of ours", new Pop3Error("POP3_CLOSED", "closed")],
    ["another error with this code", Object.assign(new Error("no"), { code: "POP3_BAD_LISTING" })],
    ["no error", undefined],
  ])("is not %s", (_, error) => {
    expect(hasNoValues(error, [bad("UIDL", 1)], "UIDL")).toBe(false);
  });
});

test("the message numbers of the lines of one command", () => {
  const lines = [bad("LIST", 3), bad("UIDL", 1), bad("LIST"), bad("LIST", 2), bad("LIST", 3)];
  expect([...numbersIn(lines, "LIST")]).toEqual([3, 2]);
  expect([...numbersIn(lines, "UIDL")]).toEqual([1]);
  expect([...numbersIn([], "UIDL")]).toEqual([]);
});
