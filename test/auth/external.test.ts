// EXTERNAL (RFC 4422 appendix A) sends the authorization identity, or nothing.
import { expect, test } from "vitest";
import { external } from "../../src/auth/external.ts";
import { answer, begin, refused, survives } from "./exchange.ts";

test("answers as in the examples of RFC 4422 appendix A.4: without an identity, and as fred", async () => {
  expect((await begin(external, { user: "" })).initial).toEqual(Buffer.alloc(0));
  const fred = await begin(external, { authzid: "fred@example.com" });
  expect(fred.initial?.toString("base64")).toBe("ZnJlZEBleGFtcGxlLmNvbQ==");
});

test("requests the user by name, so that another user's certificate opens no other maildrop", async () => {
  expect((await begin(external, { user: "ann" })).initial).toEqual(Buffer.from("ann"));
  expect((await begin(external, { user: "ann", authzid: "bob" })).initial).toEqual(Buffer.from("bob"));
});

test("has no secret, and shows none", async () => {
  expect(external).toMatchObject({ name: "EXTERNAL", cleartext: false, secret: "none" });
  expect(external.authzid).toBeUndefined();
  expect((await begin(external, { user: "", pass: "", accessToken: "" })).promptsOnly).toBe(false);
});

test("is encoded as UTF-8, and sent again if a server has overlooked it", async () => {
  const exchange = await begin(external, { authzid: "Größe" });
  expect(exchange.initial).toEqual(Buffer.from("Größe", "utf8"));
  expect(await exchange.respond(Buffer.alloc(0))).toEqual(exchange.initial);
  await refused(
    "POP3_AUTH_PROTOCOL",
    () => answer(exchange, ""),
    "unexpected challenge: the server already has the message",
  );
});

test("rejects a challenge that is not empty", async () => {
  const exchange = await begin(external);
  await refused(
    "POP3_AUTH_PROTOCOL",
    () => answer(exchange, "who?"),
    "unexpected challenge: this mechanism has none",
  );
});

test.each(["a\0b", "\x01", "a\r\nb", "\ud800"])("cannot say %j", async (authzid) => {
  const message =
    "the user name or the authorization identity must not contain control characters or lone surrogates";
  await refused("POP3_INVALID_ARGUMENT", () => begin(external, { authzid }), message);
});

test("settles with a response or a typed error, whatever the server sends", async () => {
  await survives(external, [""]);
});
