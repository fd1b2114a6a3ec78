// PLAIN (RFC 4616) sends one message of three fields, with a NUL between them.
import { expect, test } from "vitest";
import { plain } from "../../src/auth/plain.ts";
import { answer, begin, refused, survives } from "./exchange.ts";

test("sends the examples of RFC 4616 section 4", async () => {
  const tim = await begin(plain, { user: "tim", pass: "tanstaaftanstaaf" });
  expect(tim.initial).toEqual(Buffer.from("\0tim\0tanstaaftanstaaf"));
  const kurt = await begin(plain, { user: "Kurt", pass: "xipj3plmq", authzid: "Ursel" });
  expect(kurt.initial).toEqual(Buffer.from("Ursel\0Kurt\0xipj3plmq"));
});

test("sends the example of RFC 5034 section 6", async () => {
  const { initial } = await begin(plain, { user: "test", pass: "test", authzid: "test" });
  expect(initial?.toString("base64")).toBe("dGVzdAB0ZXN0AHRlc3Q=");
});

test("encodes its message as UTF-8", async () => {
  const { initial } = await begin(plain, { user: "Ann Größe", pass: "パスワード" });
  expect(initial).toEqual(Buffer.from("\0Ann Größe\0パスワード", "utf8"));
});

test.each(["", "go ahead", "\0\xff"])("answers the challenge %j with the same message", async (challenge) => {
  const exchange = await begin(plain, { user: "tim", pass: "tanstaaf" });
  expect(await answer(exchange, challenge)).toBe("\0tim\0tanstaaf");
  expect(exchange.promptsOnly).toBe(true);
});

test.each([
  { user: "ti\0m", pass: "hunter2", authzid: "" },
  { user: "tim", pass: "hun\0ter2", authzid: "" },
  { user: "tim", pass: "hunter2", authzid: "\0" },
])("rejects a NUL in %j, and names no secret", async (credentials) => {
  await refused(
    "POP3_INVALID_ARGUMENT",
    () => begin(plain, credentials),
    "user name, password and authorization identity must not contain NUL",
  );
});

test("says that it shows the secret, and shares nothing between exchanges", async () => {
  expect([plain.name, plain.cleartext]).toEqual(["PLAIN", true]);
  await answer(await begin(plain, { user: "ann", pass: "one" }), "");
  expect(await answer(await begin(plain, { user: "bob", pass: "two" }), "")).toBe("\0bob\0two");
});

test("sends the password again if a server asks for it, but not a third time", async () => {
  const exchange = await begin(plain);
  expect(await answer(exchange, "")).toBe(exchange.initial?.toString());
  await refused(
    "POP3_AUTH_PROTOCOL",
    () => answer(exchange, ""),
    "unexpected challenge: the server already has the message",
  );
});

test("settles with a response or a typed error, whatever the server sends", async () => {
  await survives(plain, [""]);
});
