// ANONYMOUS (RFC 4505) sends a trace for the server's log, and nothing else.
import { expect, test } from "vitest";
import { anonymous } from "../../src/auth/anonymous.ts";
import { answer, begin, refused, survives } from "./exchange.ts";

test("answers as in the example of RFC 4505 section 4", async () => {
  const { initial } = await begin(anonymous, { user: "sirhc" });
  expect(initial?.toString("base64")).toBe("c2lyaGM=");
});

test("has no secret, and cannot act for another identity", () => {
  expect(anonymous).toMatchObject({ name: "ANONYMOUS", cleartext: false, authzid: false, secret: "none" });
});

test.each(["a", "ann@example.com", "Größe", "a b", "\u{1f600}".repeat(255)])("takes %j", async (user) => {
  const exchange = await begin(anonymous, { user });
  expect(exchange.initial).toEqual(Buffer.from(user, "utf8"));
  expect(await exchange.respond(Buffer.alloc(0))).toEqual(exchange.initial);
  await refused(
    "POP3_AUTH_PROTOCOL",
    () => answer(exchange, ""),
    "unexpected challenge: the server already has the message",
  );
});

test.each([
  ["no characters", ""],
  ["256 characters", "a".repeat(256)],
  ["a NUL", "a\0"],
  ["a line end", "a\r\nb"],
  ["DEL", "\x7f"],
  ["a control character of ISO 8859-1", "\x85"],
  ["a line separator", "\u2028"],
  ["a mark that reverses text", "\u202e"],
  ["a character without width", "\u200b"],
  ["a byte order mark", "\ufeff"],
  ["private use", "\ue000"],
  ["half a character", "\udc00"],
  ["no character", "\u{1ffff}"],
  ["a tag", "\u{e0041}"],
  ["a deprecated mark", "\u0340"],
  ["a replacement", "\ufffd"],
])("does not take %s", async (_, user) => {
  const message = "the user name for ANONYMOUS must have 1 to 255 visible characters";
  await refused("POP3_INVALID_ARGUMENT", () => begin(anonymous, { user }), message);
});

test("rejects a challenge that is not empty", async () => {
  await refused(
    "POP3_AUTH_PROTOCOL",
    async () => answer(await begin(anonymous), "who?"),
    "unexpected challenge: this mechanism has none",
  );
});

test("settles with a response or a typed error, whatever the server sends", async () => {
  await survives(anonymous, [""]);
});
