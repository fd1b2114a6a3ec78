// SASLprep (RFC 4013): what is typed in one way and stored in another is the same; what is prohibited is refused.
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
  ])("%j becomes %j", async (text, prepared) => {
    expect(await saslprep(text, PASSWORD)).toBe(prepared);
    expect(await saslprep(text, PASSWORD)).toBe(prepared);
  });

  test.each(["\u0007", "\u0627\u0031"])("%j is refused", async (text) => {
    await expect(saslprep(text, PASSWORD)).rejects.toThrow(PROHIBITED);
  });
});

describe("beyond ASCII", () => {
  test.each([
    ["decomposed", "Gro\u0308\u00dfe", "Gr\u00f6\u00dfe"],
    ["no-break space", "a\u00a0b", "a b"],
    ["right to left as a whole", "\u0627\u0031\u0628", "\u0627\u0031\u0628"],
    ["outside the first plane", "\u{20000}", "\u{20000}"],
  ])("%s", async (_, text, prepared) => {
    expect(await saslprep(text, PASSWORD)).toBe(prepared);
  });

  test.each([
    ["control", "\u00f6\u0007"],
    ["control beyond ASCII", "\u0080"],
    ["private use", "\ue000"],
    ["non-character", "\ufdd0"],
    ["half of a surrogate pair", "a\ud83d"],
    ["replacement character", "\ufffd"],
    ["mark that turns the text around", "a\u202eb"],
    ["tag", "\u{e0041}"],
    ["both directions", "a\u0627"],
  ])("%s: refused", async (_, text) => {
    await expect(saslprep(text, PASSWORD)).rejects.toThrow(PROHIBITED);
  });

  // U+0221 came with Unicode 4.0, the emoji with 6.0.
  test.each(["\u0221", "\u{1f600}"])("%j, unassigned in Unicode 3.2, stays as it is", async (text) => {
    expect(await saslprep(text, PASSWORD)).toBe(text);
  });

  test.each(["\u00ad", "\u200d\ufe0f"])("%j leaves nothing: refused", async (text) => {
    await expect(saslprep(text, PASSWORD)).rejects.toThrow(error("POP3_INVALID_ARGUMENT"));
  });
});

describe("without the package", () => {
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

  test("printable ASCII needs none", async () => {
    const all = String.fromCharCode(...Array.from({ length: 95 }, (_, index) => 0x20 + index));
    expect(await (await alone())(all, PASSWORD)).toBe(all);
  });

  test.each(["a\tb", "\0", "a\r\n", "\x7f"])(
    "nor do the controls of ASCII, which are refused: %j",
    async (text) => {
      await expect((await alone())(text, PASSWORD)).rejects.toThrow(PROHIBITED);
    },
  );

  test("nor does nothing at all", async () => {
    await expect((await alone())("", PASSWORD)).rejects.toThrow(
      error("POP3_INVALID_ARGUMENT", "the password must not be empty"),
    );
  });

  test("what lies beyond names it, and says what came of it", async () => {
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
