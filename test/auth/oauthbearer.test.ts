// OAUTHBEARER (RFC 7628) sends an access token and the user, and answers a refusal with one octet.
import { describe, expect, test } from "vitest";
import { oauthBearer } from "../../src/auth/oauth.ts";
import { answer, begin, refused, survives } from "./exchange.ts";

const FIELDS = "\x01host=pop.example.com\x01port=995\x01auth=Bearer hunter2-token\x01\x01";

test.each([
  [
    143,
    "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52" +
      "YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB",
  ],
  [
    587,
    "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9NTg3AWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52" +
      "YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB",
  ],
])("answers as in the example of RFC 7628 section 4.1, port %d", async (port, message) => {
  const { initial } = await begin(
    oauthBearer,
    { user: "user@example.com", accessToken: "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==" },
    { host: "server.example.com", port },
  );
  expect(initial?.toString("base64")).toBe(message);
});

test("answers the refusal of RFC 7628 section 4.3", async () => {
  const exchange = await begin(oauthBearer);
  const error =
    "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJleGFtcGxlX3Njb3BlIiwib3BlbmlkLWNvbmZpZ3VyYXRpb24iOiJodHRwczov" +
    "L2V4YW1wbGUuY29tLy53ZWxsLWtub3duL29wZW5pZC1jb25maWd1cmF0aW9uIn0=";
  const response = await exchange.respond(Buffer.from(error, "base64"));
  expect(response.toString("base64")).toBe("AQ==");
  expect(exchange.refusal).toEqual({
    status: "invalid_token",
    scope: "example_scope",
    openidConfiguration: "https://example.com/.well-known/openid-configuration",
  });
});

test("shows a token, and cannot act for another identity", async () => {
  expect(oauthBearer).toMatchObject({
    name: "OAUTHBEARER",
    cleartext: true,
    authzid: false,
    secret: "token",
  });
  expect((await begin(oauthBearer)).promptsOnly).toBeUndefined();
});

test.each([
  ["the user", { user: "ann" }, "n,a=ann,"],
  ["no user if only the token is given", { user: "" }, "n,,"],
  ["a user with escapes", { user: "a=b,c=2C" }, "n,a=a=3Db=2Cc=3D2C,"],
  ["a user in UTF-8", { user: "größe" }, "n,a=größe,"],
])("names %s", async (_, credentials, header) => {
  expect((await begin(oauthBearer, credentials)).initial?.toString("utf8")).toBe(header + FIELDS);
});

describe("a challenge", () => {
  test("that is empty requests the message, once", async () => {
    const exchange = await begin(oauthBearer);
    expect(await answer(exchange, "")).toBe(`n,a=ann,${FIELDS}`);
    expect(exchange.refusal).toBeUndefined();
    expect(await answer(exchange, "")).toBe("\x01");
    expect(exchange.refusal).toEqual({});
  });

  test.each(["{}", "no", "\0\xff"])("%j counts as a refusal", async (challenge) => {
    const exchange = await begin(oauthBearer);
    expect(await answer(exchange, challenge)).toBe("\x01");
    expect(exchange.refusal).toEqual({});
    const message = "unexpected challenge: the server has already refused the access token";
    await refused("POP3_AUTH_PROTOCOL", () => answer(exchange, challenge), message);
  });

  test("that repeats the token does not put it into the refusal", async () => {
    const exchange = await begin(oauthBearer);
    await answer(exchange, '{"status":"hunter2-token","openid-configuration":"https://x/?hunter2-token"}');
    expect(exchange.refusal).toEqual({ status: "****", openidConfiguration: "https://x/?****" });
  });
});

test.each([
  { user: "a\x01b" },
  { user: "a\0" },
  { user: "a\x01host=evil" },
  { user: "\ud800" },
  { accessToken: "" },
  { accessToken: "hunter2\x01" },
  { accessToken: "hunter2 x" },
])("rejects %j, and names no secret", async (credentials) => {
  const message =
    "user" in credentials
      ? "the user name must not contain control characters or lone surrogates"
      : "the access token must be a non-empty string of printable ASCII without spaces";
  await refused("POP3_INVALID_ARGUMENT", () => begin(oauthBearer, credentials), message);
  await expect(begin(oauthBearer, credentials)).rejects.not.toThrow("hunter2");
});

test("settles with a response or a typed error, whatever the server sends", async () => {
  await survives(oauthBearer, ["", "{", '"scope":', '"hunter2-token"', "}", '{"scope":"hunter2-token"}']);
});
