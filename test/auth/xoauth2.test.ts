// XOAUTH2 sends the user name and the access token, and answers a refusal with an empty line.
import { describe, expect, test } from "vitest";
import { xoauth2 } from "../../src/auth/oauth.ts";
import { answer, begin, refused, survives } from "./exchange.ts";

const MESSAGE = "user=ann\x01auth=Bearer hunter2-token\x01\x01";

test("sends the example of Google's documentation", async () => {
  const user = "someuser@example.com";
  const accessToken = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg";
  const exchange = await begin(xoauth2, { user, accessToken });
  expect(exchange.initial?.toString("base64")).toBe(
    "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0" +
      "Q2cBAQ==",
  );
  const error =
    "eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIG1hYyIsInNjb3BlIjoiaHR0cHM6Ly9tYWlsLmdvb2dsZS5jb20vIn0K";
  expect(await exchange.respond(Buffer.from(error, "base64"))).toEqual(Buffer.alloc(0));
  expect(exchange.refusal).toEqual({
    status: "401",
    schemes: "bearer mac",
    scope: "https://mail.google.com/",
  });
});

test("shows a token, and sends only the user and the token", async () => {
  expect(xoauth2).toMatchObject({ name: "XOAUTH2", cleartext: true, authzid: false, secret: "token" });
  // What the challenges say matters: they are no prompts.
  expect((await begin(xoauth2)).promptsOnly).toBeUndefined();
});

test("encodes the user name as UTF-8", async () => {
  const { initial } = await begin(xoauth2, { user: "größe@example.com" });
  expect(initial?.toString("utf8")).toContain("user=größe@example.com\x01");
});

describe("a challenge", () => {
  test("that is empty requests the message, once", async () => {
    const exchange = await begin(xoauth2);
    expect(exchange.initial?.toString()).toBe(MESSAGE);
    expect(await answer(exchange, "")).toBe(MESSAGE);
    expect(exchange.refusal).toBeUndefined();
    // After that it can only be a refusal that says nothing.
    expect(await answer(exchange, "")).toBe("");
    expect(exchange.refusal).toEqual({});
  });

  test.each(["{}", "no", "\0\xff", "null"])("%j counts as a refusal", async (challenge) => {
    const exchange = await begin(xoauth2);
    expect(await answer(exchange, challenge)).toBe("");
    expect(exchange.refusal).toEqual({});
  });

  test.each(["", '{"status":"400"}'])("after the refusal is rejected: %j", async (challenge) => {
    const exchange = await begin(xoauth2);
    await answer(exchange, '{"status":"401"}');
    await refused("POP3_AUTH_PROTOCOL", () => answer(exchange, challenge));
    expect(exchange.refusal).toEqual({ status: "401" });
  });

  test("that repeats the token or the message does not put it into the refusal", async () => {
    const exchange = await begin(xoauth2);
    const status = `bad hunter2-token in ${Buffer.from(MESSAGE).toString("base64")}`;
    await answer(exchange, JSON.stringify({ status, scope: "hunter2-token" }));
    expect(exchange.refusal).toEqual({ status: "bad **** in ****", scope: "****" });
  });
});

test.each([
  { user: "a\x01b" },
  { user: "a\0" },
  { user: "a\r\n" },
  { user: "\ud800" },
  { accessToken: "" },
  { accessToken: "hunter2 " },
  { accessToken: "hunter2\x01" },
  { accessToken: "hunter2\n" },
  { accessToken: "hunter2é" },
  { accessToken: "Bearer hunter2" },
])("rejects %j, and names no secret", async (credentials) => {
  const message =
    "user" in credentials
      ? "the user name must not contain control characters or lone surrogates"
      : "the access token must be a non-empty string of printable ASCII without spaces";
  await refused("POP3_INVALID_ARGUMENT", () => begin(xoauth2, credentials), message);
  await expect(begin(xoauth2, credentials)).rejects.not.toThrow("hunter2");
});

test("shares nothing between exchanges", async () => {
  const first = await begin(xoauth2);
  await answer(first, "{}");
  const second = await begin(xoauth2, { user: "bob" });
  expect(second.refusal).toBeUndefined();
  expect(await answer(second, "")).toContain("user=bob\x01");
});

test("settles with a response or a typed error, whatever the server sends", async () => {
  await survives(xoauth2, [
    "",
    "{",
    '"status":',
    '"hunter2-token"',
    "}",
    "hunter2-token",
    '{"status":"hunter2-token"}',
  ]);
});
