// CRAM-MD5 (RFC 2195) answers with a digest of the challenge, keyed with the password.
import { expect, test } from "vitest";
import { cramMd5 } from "../../src/auth/cram-md5.ts";
import { answer, begin, refused, survives } from "./exchange.ts";

const CHALLENGE = "<1896.697170952@postoffice.reston.mci.net>";

test("answers as in the example of RFC 2195 section 2", async () => {
  const exchange = await begin(cramMd5, { user: "tim", pass: "tanstaaftanstaaf" });
  expect(exchange.initial).toBeUndefined();
  expect(await answer(exchange, CHALLENGE)).toBe("tim b913a602c7eda7a495b4e6e7334d3890");
});

// Computed with Python's hmac.
test.each([
  ["beyond ASCII is encoded as UTF-8", "ö", "cc7fc04a6a08e3c04c06099955514234"],
  ["longer than a block of MD5 is digested first", "x".repeat(70), "e50b28bc771540d46b143749b9dc1b3f"],
])("a password %s", async (_, pass, digest) => {
  const exchange = await begin(cramMd5, { user: "Ann Größe", pass });
  const response = await exchange.respond(Buffer.from("<1@b>"));
  expect(response.toString("utf8")).toBe(`Ann Größe ${digest}`);
});

test("shows no secret, and cannot act for another identity", () => {
  expect(cramMd5).toMatchObject({ name: "CRAM-MD5", cleartext: false, authzid: false });
  expect(cramMd5.secret).toBeUndefined();
});

test.each(["a@b", "<a>", "1234567890", CHALLENGE])("accepts the challenge %s", async (challenge) => {
  expect(await answer(await begin(cramMd5), challenge)).toMatch(/^ann [0-9a-f]{32}$/);
});

test.each(["", " ", "<a b@c>", "<a@b>\n", "\0", "<a@\xff>", "<a\x7f@b>", "\x80\xff\xfe\x01"])(
  "rejects the challenge %j",
  async (challenge) => {
    const exchange = await begin(cramMd5);
    const message = "the challenge of CRAM-MD5 must be printable ASCII without spaces";
    await refused("POP3_AUTH_PROTOCOL", () => answer(exchange, challenge), message);
    // A later challenge is not accepted either.
    await refused("POP3_AUTH_PROTOCOL", () => answer(exchange, CHALLENGE));
  },
);

test("rejects a second challenge", async () => {
  const exchange = await begin(cramMd5);
  await answer(exchange, CHALLENGE);
  await refused("POP3_AUTH_PROTOCOL", () => answer(exchange, CHALLENGE));
  await refused(
    "POP3_AUTH_PROTOCOL",
    () => answer(exchange, ""),
    "unexpected challenge: CRAM-MD5 has only one",
  );
});

test.each([
  [{ user: "a\0b" }, "the user name must not contain control characters or lone surrogates"],
  [{ user: "a\nb" }, "the user name must not contain control characters or lone surrogates"],
  [{ user: "\ud800" }, "the user name must not contain control characters or lone surrogates"],
  [{ pass: "hunter2\0" }, "the password must not contain NUL"],
])("cannot say %j", async (credentials, message) => {
  await refused("POP3_INVALID_ARGUMENT", () => begin(cramMd5, credentials), message);
});

test("settles with a response or a typed error, whatever the server sends", async () => {
  await survives(cramMd5, ["<", "a", "@", ">", CHALLENGE]);
});
