// The stored reason of a failure: one short printable line without credentials.
import fc from "../support/fast-check.ts";
import { describe, expect, test } from "vitest";
import { failureReason } from "../../src/fetch/failure-reason.ts";

const reason = (message: unknown, ...secrets: string[]): string =>
  failureReason(typeof message === "string" ? new Error(message) : message, secrets);

describe("the reason of a failure", () => {
  test.each([
    ["the disk is full", "the disk is full"],
    ["no handler\n    for \t that\r\n", "no handler for that"],
    ["\u001b[2Jgone\u0007\u0000 \u202egnp.exe\u2028", "\\x1b[2Jgone\\x07\\x00 \\u202egnp.exe"],
    ["Grüße \u{1f4e7} \ud800!", "Grüße \u{1f4e7} \ufffd!"],
    ["", "Error"],
  ])("is one printable line: %j", (message, shown) => {
    expect(reason(message)).toBe(shown);
  });

  test("has at most 200 characters, and no half surrogate pair", () => {
    expect(reason("x".repeat(200))).toBe("x".repeat(200));
    expect(reason("x".repeat(201))).toBe(`${"x".repeat(199)}…`);
    expect(reason(`${"x".repeat(198)}\u{1f4e7}yy`)).toBe(`${"x".repeat(198)}…`);
    expect(reason("x".repeat(50_000_000))).toHaveLength(200);
  });

  test("has no part of a secret, wherever a long message is cut", () => {
    for (let spaces = 1900; spaces <= 2000; spaces++)
      expect(reason(`failed:${" ".repeat(spaces)}correct horse`, "correct horse")).not.toContain("cor");
  });

  test("describes any thrown value", () => {
    const wordless = {
      toString() {
        throw new Error("no");
      },
    };
    const tables = [Object.create(null), wordless, Object.assign(new Error("x"), { message: Symbol("s") })];
    for (const thrown of tables) expect(typeof reason(thrown)).toBe("string");
    expect([reason(undefined), reason(7), reason(null)]).toEqual(["undefined", "7", "null"]);
  });

  test.each([
    ["login of ann with correct horse failed", "login of ann with **** failed"],
    ["POST https://ann:pa55@api.test/mail: 401", "POST https://****@api.test/mail: 401"],
    ["https://key@api.test/ and ftp://a:b@c/", "https://****@api.test/ and ftp://****@c/"],
    ["Authorization: Bearer eyJ0eXAiOiJKV1Qi.e30.x_y-z", "Authorization: **** ****"],
    ["sent basic YW5uOnNlY3JldA==", "sent basic ****"],
    ["GET /m?access_token=abc&x=1&sig=Zm9v", "GET /m?access_token=****&x=1&sig=****"],
    ['{"client_secret": "s3cr3t", "id": 1}', '{"client_secret": "****", "id": 1}'],
    ["X-Api-Key=0123456789; Set-Cookie: sid=1", "X-Api-Key=****; Set-Cookie: ****"],
    ["password='hunter2' is wrong", "password='****' is wrong"],
  ])("hides a secret: %s", (message, shown) => {
    expect(reason(message, "correct horse", "")).toBe(shown);
  });

  test.each([
    "basic authentication failed for ann@example.com",
    "the program was ended by a signal: SIGTERM",
    "550 5.1.1 <ann@example.com>: unknown user, see https://help.test/a?b=c",
    "the token has expired",
  ])("keeps text that is not a secret: %s", (message) => {
    expect(reason(message)).toBe(message);
  });

  test("hides a secret even if the reason is cut off inside it", () => {
    const secret = "s3cr3t-".repeat(20);
    for (let before = 60; before < 205; before += 5) {
      expect(reason(`${"x".repeat(before)} ${secret} y`, secret)).not.toContain("s3cr3t");
    }
  });

  test("is short and printable for any message", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 400 }), (message) => {
        const line = reason(message);
        expect(line.length).toBeLessThanOrEqual(200);
        expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Surrogate}\ufeff]/u);
      }),
      { seed: 1939, numRuns: 500 },
    );
  });
});
