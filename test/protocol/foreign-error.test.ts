// The error of another package becomes a cause only if nothing in it is a secret or unsafe to print.
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { foreignError } from "../../src/protocol/foreign-error.ts";
import { Secrets } from "../../src/protocol/secrets.ts";

const SECRETS = new Secrets("tanstaaf");

/** An error as Node makes it. */
function nodeError(message: string, more: object = {}): Error {
  return Object.assign(new TypeError(message), { code: "ECONNRESET", ...more });
}

describe("an error that is safe", () => {
  test.each([undefined, SECRETS])("is returned itself", (secrets) => {
    const error = nodeError("read ECONNRESET", { address: "192.0.2.1", cause: new Error("below") });
    expect(foreignError(error, secrets)).toBe(error);
  });

  test("may have tabs and line feeds, as those of OpenSSL", () => {
    const error = nodeError("wrong version number:\n\tssl3_record.c\n");
    expect(foreignError(error, SECRETS)).toBe(error);
  });
});

describe("an error that is not safe", () => {
  test("is replaced if its message has a secret", () => {
    const error = nodeError("cannot reach tanstaaf@proxy");
    const safe = foreignError(error, SECRETS) as NodeJS.ErrnoException;
    expect(safe).not.toBe(error);
    expect(safe).toBeInstanceOf(Error);
    expect([safe.name, safe.message, safe.code]).toEqual([
      "TypeError",
      "cannot reach ****@proxy",
      "ECONNRESET",
    ]);
    expect(inspect(safe, { showHidden: true })).not.toContain("tanstaaf");
    expect(foreignError(error)).toBe(error);
  });

  test("is replaced if its message moves the cursor", () => {
    const safe = foreignError(nodeError("bad host \x1b[2K"));
    expect(safe).toMatchObject({ message: "bad host \\x1b[2K", code: "ECONNRESET" });
  });

  test.each([
    ["a property", { proxy: "http://ann:tanstaaf@proxy" }],
    ["a long property", { body: `${"x".repeat(20_000)}tanstaaf` }],
    ["a list", { tried: [...Array.from({ length: 200 }, () => "x"), "tanstaaf"] }],
    ["a nested object", { a: { b: { c: { d: { e: "tanstaaf" } } } } }],
    ["a cause", { cause: new Error("tanstaaf") }],
  ])("keeps only its name, message and code if a secret is in %s", (_, more) => {
    const error = nodeError("no", more);
    const safe = foreignError(error, SECRETS);
    expect(safe).not.toBe(error);
    expect(safe).toMatchObject({ name: "TypeError", message: "no", code: "ECONNRESET" });
    expect(Object.keys(safe as Error)).toEqual(["name", "code"]);
    expect(inspect(safe, { showHidden: true, depth: 9 })).not.toContain("tanstaaf");
  });

  test("is replaced if a secret is in a property that is not enumerable", () => {
    const error = Object.defineProperty(nodeError("no"), "hidden", { value: "tanstaaf" });
    expect(foreignError(error, SECRETS)).not.toBe(error);
  });

  test("has a name and a code without secrets", () => {
    const error = nodeError("no", { name: "tanstaaf", code: "E_tanstaaf" });
    expect(foreignError(error, SECRETS)).toMatchObject({ name: "****", code: "E_****" });
  });

  test("keeps a code only if it is a string", () => {
    expect(foreignError(nodeError("tanstaaf", { code: 5 }), SECRETS)).not.toHaveProperty("code");
    expect(foreignError(new Error("tanstaaf"), SECRETS)).not.toHaveProperty("code");
  });
});

test("a thrown string is made safe; another value is returned as it is", () => {
  expect(foreignError("no tanstaaf\x1b", SECRETS)).toBe("no ****\\x1b");
  const value = { code: 5 };
  for (const thrown of [value, 5, null, undefined]) expect(foreignError(thrown, SECRETS)).toBe(thrown);
});
