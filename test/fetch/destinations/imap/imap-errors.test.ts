// What each error of imapflow means for the message and for the destination, and that no error shows a secret.
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { failureOf, unusable, wordsOf } from "../../../../src/fetch/destinations/imap/imap-errors.ts";
import { Secrets } from "../../../../src/protocol/secrets.ts";

const no = (serverResponseCode?: string) => ({
  message: "Command failed",
  responseStatus: "NO",
  serverResponseCode,
  responseText: "words",
});

test.each<[expected: string, error: unknown]>([
  ["refused", no()],
  ["refused", no("TOOBIG")],
  ["refused", no("SOMETHING-NEW")],
  ["refused", { serverResponseCode: "APPENDLIMIT", message: "too big" }],
  ["refused", { responseStatus: "BAD", message: "Command failed" }],
  ["refused", { responseStatus: "BAD", serverResponseCode: "TOOBIG" }],
  ["full", no("OVERQUOTA")],
  ["full", no("OverQuota")],
  ["later", no("INUSE")],
  ...[
    ...["LIMIT", "UNAVAILABLE", "SERVERBUG", "CONTACTADMIN", "CORRUPTION", "ALERT"],
    ...["NOPERM", "CANNOT", "AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED"],
  ].map((code) => ["down", no(code)] as [string, unknown]),
  ["down", { responseStatus: "BAD", code: "ETHROTTLE" }],
  ["missing", no("TRYCREATE")],
  ["missing", no("NONEXISTENT")],
  ...[
    ...["NoConnection", "EConnectionClosed", "ETIMEOUT", "ECONNRESET", "EPIPE", "ParserError1"],
    ...["LineTooLarge", "ResponseProcessingFailed", "StateLogout"],
  ].map((code) => ["unknown", { code, message: "gone" }] as [string, unknown]),
  ["unknown", { responseStatus: "BYE", code: "NoConnection" }],
  ["unknown", new Error("not signed in")],
  ["unknown", undefined],
])("%s: %j", (expected, error) => {
  expect(failureOf(error)).toBe(expected);
});

test("the words are those of the server, with its code, on one line and without secrets", () => {
  const secrets = new Secrets("imap-secret-4711");
  const error = {
    ...no("NOPERM"),
    responseText: `no right\r\n for ann imap-secret-4711 \x1b[31m ${"x".repeat(500)}`,
  };
  const words = wordsOf(error, secrets);
  expect(words).toMatch(/^no right for ann \*\*\*\*/);
  expect(words).toMatch(/ \[NOPERM\]$/);
  expect(words).not.toMatch(/[\x1b\n]/);
  expect(words.length).toBeLessThan(230);
  expect(wordsOf({ message: "Connection not available", code: "NoConnection" }, secrets)).toBe(
    "Connection not available [NoConnection]",
  );
});

test.each(["code", "serverResponseCode"])("a secret in %s is not shown", (name) => {
  const secrets = new Secrets("imap-secret-4711");
  const error = { ...no(), [name]: "X-IMAP-SECRET-4711" };
  const failure = unusable("cannot sign in", error, secrets);
  expect(failure.message).toBe("cannot sign in: words [X-****]");
  expect(inspect(failure, { depth: 9, showHidden: true })).not.toMatch(/secret-4711/i);
});

test("a login that is refused asks to check the password, unless there are too many sessions", () => {
  const secrets = new Secrets();
  const refused = { ...no("AUTHENTICATIONFAILED"), authenticationFailed: true };
  const failure = unusable("cannot sign in", refused, secrets);
  expect(failure.down).toBe(true);
  expect(failure.message).toEqual(
    expect.stringMatching(/^cannot sign in: words \[AUTHENTICATIONFAILED\]\. Check the user name/),
  );
  const busy = { ...no("LIMIT"), authenticationFailed: true };
  expect(unusable("cannot sign in", busy, secrets).message).toBe("cannot sign in: words [LIMIT]");
});
