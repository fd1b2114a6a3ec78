// PLAIN (RFC 4616): one message, three fields, a NUL between them.
import { expect, test } from "vitest";
import { plain } from "../../src/auth/plain.ts";

const nothing = Buffer.alloc(0);

test("the examples of RFC 4616 section 4", () => {
  const tim = plain.start({ user: "tim", pass: "tanstaaftanstaaf", authzid: "" });
  expect(tim.initial).toEqual(Buffer.from("\0tim\0tanstaaftanstaaf"));
  const kurt = plain.start({ user: "Kurt", pass: "xipj3plmq", authzid: "Ursel" });
  expect(kurt.initial).toEqual(Buffer.from("Ursel\0Kurt\0xipj3plmq"));
});

test("the example of RFC 5034 section 6", () => {
  const { initial } = plain.start({ user: "test", pass: "test", authzid: "test" });
  expect(initial?.toString("base64")).toBe("dGVzdAB0ZXN0AHRlc3Q=");
});

test("goes out as UTF-8", () => {
  const { initial } = plain.start({ user: "Ann Größe", pass: "パスワード", authzid: "" });
  expect(initial).toEqual(Buffer.from("\0Ann Größe\0パスワード", "utf8"));
});

test.each(["", "go ahead", "\0\xff"])("answers the challenge %j with the same message", (challenge) => {
  const exchange = plain.start({ user: "tim", pass: "tanstaaf", authzid: "" });
  expect(exchange.respond(Buffer.from(challenge, "latin1"))).toEqual(exchange.initial);
  expect(exchange.promptsOnly).toBe(true);
});

test.each([
  { user: "ti\0m", pass: "hunter2", authzid: "" },
  { user: "tim", pass: "hun\0ter2", authzid: "" },
  { user: "tim", pass: "hunter2", authzid: "\0" },
])("refuses a NUL, and names no secret", (credentials) => {
  const refused = expect.objectContaining({
    code: "POP3_INVALID_ARGUMENT",
    message: "the user name or the password has a NUL in it",
  }) as Error;
  expect(() => plain.start(credentials)).toThrow(refused);
});

test("says that it shows the secret, and one exchange keeps nothing of another", () => {
  expect([plain.name, plain.cleartext]).toEqual(["PLAIN", true]);
  plain.start({ user: "ann", pass: "one", authzid: "" }).respond(nothing);
  expect(plain.start({ user: "bob", pass: "two", authzid: "" }).respond(nothing)).toEqual(
    Buffer.from("\0bob\0two"),
  );
});

test("the password is given once more where a server asks for it, and not a third time", () => {
  const exchange = plain.start({ user: "ann", pass: "secret", authzid: "" });
  expect(exchange.respond(Buffer.alloc(0))).toEqual(exchange.initial);
  expect(() => exchange.respond(Buffer.alloc(0))).toThrow(
    expect.objectContaining({ code: "POP3_AUTH_PROTOCOL" }) as Error,
  );
});
