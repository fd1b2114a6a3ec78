// SASLprep (RFC 4013): equivalent spellings become the same string, and prohibited characters are rejected.
import { afterEach, describe, expect, test, vi } from "vitest";
import { saslprep } from "../../src/auth/saslprep.ts";
import type { Pop3ErrorCode } from "../../src/errors.ts";

const PASSWORD = "password";

const error = (code: Pop3ErrorCode, message?: string): Error =>
  expect.objectContaining({ name: "Pop3Error", code, ...(message !== undefined && { message }) }) as Error;
const PROHIBITED = error("POP3_INVALID_ARGUMENT", "the password is not allowed by SASLprep (RFC 4013)");

describe("the examples of RFC 4013 section 3", () => {
  test.each([
    ["I\u00adX", "IX"],
    ["user", "user"],
    ["USER", "USER"],
    ["\u00aa", "a"],
    ["\u2168", "IX"],
  ])("maps %j to %j", async (text, prepared) => {
    expect(await saslprep(text, PASSWORD)).toBe(prepared);
    expect(await saslprep(text, PASSWORD)).toBe(prepared);
  });

  test.each(["\u0007", "\u0627\u0031"])("rejects %j", async (text) => {
    await expect(saslprep(text, PASSWORD)).rejects.toThrow(PROHIBITED);
  });
});

describe("characters beyond ASCII", () => {
  test.each([
    ["a decomposed letter", "Gro\u0308\u00dfe", "Gr\u00f6\u00dfe"],
    ["a no-break space", "a\u00a0b", "a b"],
    ["a text that runs from right to left", "\u0627\u0031\u0628", "\u0627\u0031\u0628"],
    ["a character outside the first plane", "\u{20000}", "\u{20000}"],
  ])("maps %s", async (_, text, prepared) => {
    expect(await saslprep(text, PASSWORD)).toBe(prepared);
  });

  test.each([
    ["a control character", "\u00f6\u0007"],
    ["a control character beyond ASCII", "\u0080"],
    ["a private-use character", "\ue000"],
    ["a noncharacter", "\ufdd0"],
    ["half of a surrogate pair", "a\ud83d"],
    ["a replacement character", "\ufffd"],
    ["a mark that reverses text", "a\u202eb"],
    ["a tag character", "\u{e0041}"],
    ["text in both directions", "a\u0627"],
  ])("rejects %s", async (_, text) => {
    await expect(saslprep(text, PASSWORD)).rejects.toThrow(PROHIBITED);
  });

  // U+0221 came with Unicode 4.0, the emoji with 6.0.
  test.each(["\u0221", "\u{1f600}"])("leaves %j, unassigned in Unicode 3.2, as it is", async (text) => {
    expect(await saslprep(text, PASSWORD)).toBe(text);
  });

  test.each(["\u00ad", "\u200d\ufe0f"])("rejects %j, of which nothing remains", async (text) => {
    await expect(saslprep(text, PASSWORD)).rejects.toThrow(error("POP3_INVALID_ARGUMENT"));
  });
});

describe("without the package saslprep", () => {
  afterEach(() => {
    vi.doUnmock("@mongodb-js/saslprep");
    vi.resetModules();
  });

  /** `saslprep` of a process in which the package is not installed. */
  async function alone(): Promise<typeof saslprep> {
    vi.resetModules();
    vi.doMock("@mongodb-js/saslprep", () => {
      throw new Error("Cannot find package");
    });
    return (await import("../../src/auth/saslprep.ts")).saslprep;
  }

  test("accepts printable ASCII", async () => {
    const all = String.fromCharCode(...Array.from({ length: 95 }, (_, index) => 0x20 + index));
    expect(await (await alone())(all, PASSWORD)).toBe(all);
  });

  test.each(["a\tb", "\0", "a\r\n", "\x7f"])("rejects %j, a control of ASCII", async (text) => {
    await expect((await alone())(text, PASSWORD)).rejects.toThrow(PROHIBITED);
  });

  test("accepts the empty string", async () => {
    await expect((await alone())("", PASSWORD)).rejects.toThrow(
      error("POP3_INVALID_ARGUMENT", "the password must not be empty"),
    );
  });

  test("rejects other characters, names the package, and gives the cause", async () => {
    await expect((await alone())("hunter\u00f6", PASSWORD)).rejects.toMatchObject({
      cause: expect.any(Error) as Error,
    });
    await expect((await alone())("hunter\u00f6", PASSWORD)).rejects.toThrow(
      error(
        "POP3_NOT_SUPPORTED",
        'SCRAM with a user name or a password outside ASCII needs the package "@mongodb-js/saslprep": npm install @mongodb-js/saslprep',
      ),
    );
  });
});
