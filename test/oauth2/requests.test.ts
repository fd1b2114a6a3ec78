// One request to a token server: what is sent, what each reply becomes, and that no error shows a secret.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { OAuth2Error, requestToken, type TokenRequestOptions } from "popwright/oauth2";
import { isTemporary } from "../../src/retry.ts";
import { stopClocks, timePasses } from "../support/clock.ts";
import { IdentityProvider, RawReply, type Form } from "../support/identity-provider.ts";
import { codeOf, failureOf } from "../support/outcome.ts";
import { visible } from "../support/secret.ts";

const FORM = { grant_type: "refresh_token", refresh_token: "hunter2-refresh" };

function options(
  provider: { readonly url: string },
  more: Partial<TokenRequestOptions> = {},
): TokenRequestOptions {
  return {
    tokenUrl: `${provider.url}/token`,
    clientId: "client-1",
    clientSecret: "hunter2-client",
    grant: FORM,
    ...more,
  };
}

/** The error of a request that gets `answer`. */
async function refusedWith(answer: object | ((form: Form) => object)): Promise<OAuth2Error> {
  await using provider = await IdentityProvider.listen((form) =>
    typeof answer === "function" ? (answer as (form: Form) => object)(form) : answer,
  );
  const error = await failureOf(requestToken(options(provider)));
  expect(visible(error)).not.toContain("hunter2");
  expect(OAuth2Error.is(error)).toBe(true);
  // The pool, the fetching and the command line go by this.
  expect(isTemporary(error)).toBe((error as unknown as OAuth2Error).temporary);
  return error as unknown as OAuth2Error;
}

test("sends the grant, the client and its secret, and returns the reply", async () => {
  await using provider = await IdentityProvider.listen(() => ({
    access_token: "token-1",
    token_type: "bearer",
    expires_in: "3599",
    refresh_token: "refresh-2",
    scope: "mail",
    id_token: "a.b.c",
    unknown: 1,
  }));
  const reply = await requestToken(options(provider, { clientSecret: async () => "hunter2-client" }));
  expect(reply).toEqual({
    accessToken: "token-1",
    expiresIn: 3599,
    refreshToken: "refresh-2",
    scope: "mail",
    idToken: "a.b.c",
  });
  expect(provider.requests).toEqual([{ ...FORM, client_id: "client-1", client_secret: "hunter2-client" }]);
});

describe("the user must sign in again", () => {
  test.each(["invalid_grant", "interaction_required", "consent_required", "login_required"])(
    "after %s",
    async (error) => {
      const refused = await refusedWith({
        error,
        error_description: "Token has been revoked.\r\nTrace ID: 1",
      });
      expect(refused).toMatchObject({
        code: "POP3_TOKEN_REFUSED",
        name: "OAuth2Error",
        temporary: false,
        signInAgain: true,
        error,
        description: "Token has been revoked.",
        status: 400,
      });
      expect(refused.message).toMatch(
        new RegExp(
          `^the token server 127\\.0\\.0\\.1:\\d+ refused the request: ${error}: Token has been revoked\\.$`,
        ),
      );
    },
  );
});

test("another refusal is not temporary, and no sign-in helps", async () => {
  expect(await refusedWith({ error: "invalid_client" })).toMatchObject({
    code: "POP3_TOKEN_REFUSED",
    temporary: false,
    signInAgain: false,
    error: "invalid_client",
  });
});

test("an error in the form of Google's APIs is read", async () => {
  expect(
    await refusedWith({ error: { code: 403, status: "PERMISSION_DENIED", message: "not allowed" } }),
  ).toMatchObject({ error: "PERMISSION_DENIED", description: "not allowed" });
});

test.each([
  [429, { "retry-after": "7" }, 7000],
  [503, { "retry-after": "999999" }, 3_600_000],
  [503, { "retry-after": "Thu, 01 Jan 1970 00:00:00 GMT" }, 0],
  [503, { "retry-after": "soon" }, undefined],
  [500, {}, undefined],
  [408, {}, undefined],
])("HTTP status %d with %j is temporary", async (status, headers, retryAfter) => {
  const error = await refusedWith(new RawReply(status, headers, "<html>busy</html>"));
  expect(error).toMatchObject({ code: "POP3_TOKEN_UNAVAILABLE", temporary: true, status });
  expect(error.retryAfter).toBe(retryAfter);
});

test("a status of the server counts more than its words, and words may be temporary as well", async () => {
  const json = { "content-type": "application/json" };
  expect(await refusedWith(new RawReply(503, json, '{"error":"invalid_grant"}'))).toMatchObject({
    temporary: true,
    error: "invalid_grant",
  });
  expect(await refusedWith({ error: "temporarily_unavailable" })).toMatchObject({
    code: "POP3_TOKEN_UNAVAILABLE",
    temporary: true,
  });
});

test("a redirect is not followed, and only its host is shown", async () => {
  let asked = 0;
  await using other = await IdentityProvider.listen(() => ({ n: ++asked }));
  const error = await refusedWith(new RawReply(307, { location: `${other.url}/hunter2` }, ""));
  expect(error).toMatchObject({ code: "POP3_TOKEN_UNAVAILABLE", temporary: false, status: 307 });
  expect(error.message).toContain(`redirects to ${new URL(other.url).host} (HTTP status 307)`);
  expect(asked).toBe(0);
});

test.each([
  ["HTML with a success", new RawReply(200, { "content-type": "text/html" }, "<html>Sign in</html>"), true],
  ["HTML with 404", new RawReply(404, {}, "<html>"), false],
  ["an array", new RawReply(200, {}, "[1]"), true],
  ["nothing", new RawReply(200, {}, ""), true],
  ["an object without a token", new RawReply(200, {}, "{}"), false],
  ["an empty token", { access_token: "" }, false],
  ["a token of another type", { access_token: "hunter2", token_type: "mac" }, false],
  ["a reply of more than 256 kB", new RawReply(200, {}, `{"access_token":"${"x".repeat(300_000)}"}`), false],
])("%s is not a token", async (_what, answer, temporary) => {
  expect(await refusedWith(answer)).toMatchObject({ code: "POP3_TOKEN_UNAVAILABLE", temporary });
});

test("what the server repeats of a secret is masked, and its words are safe to print", async () => {
  const error = await refusedWith((form) => ({
    error: "invalid_request",
    error_description: `\u202e${form["refresh_token"]} and ${Buffer.from("hunter2-client").toString("base64")}`,
  }));
  expect(error.description).toBe("\\u202e**** and ****");
});

test("a server that cannot be reached is temporary", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  const error = (await failureOf(
    requestToken(options({ url: `http://127.0.0.1:${port}` })),
  )) as unknown as OAuth2Error;
  expect(error).toMatchObject({
    code: "POP3_TOKEN_UNAVAILABLE",
    temporary: true,
    cause: { code: "ECONNREFUSED" },
  });
  expect(error.message).toContain("cannot be reached: connect ECONNREFUSED");
});

describe("with stopped clocks", () => {
  stopClocks();

  test.each([new RawReply(200), new Promise<object>(() => {})])(
    "a server that is too slow is given up after the time limit",
    async (answer) => {
      await using provider = await IdentityProvider.listen(() => answer);
      const error = await failureOf(timePasses(requestToken(options(provider, { timeout: 5000 }))));
      expect(error).toMatchObject({ code: "POP3_TOKEN_UNAVAILABLE", temporary: true });
      expect(error.message).toContain("did not answer within 5 seconds");
    },
  );
});

test("an abort ends the request at once", async () => {
  const controller = new AbortController();
  await using provider = await IdentityProvider.listen(() => {
    controller.abort();
    return new Promise<object>(() => {});
  });
  expect(await codeOf(requestToken(options(provider, { signal: controller.signal })))).toBe("POP3_ABORTED");
  expect(await codeOf(requestToken(options(provider, { signal: AbortSignal.abort() })))).toBe("POP3_ABORTED");
  expect(provider.requests).toHaveLength(1);
});

test.each([
  ["http://login.example.com/token", "must begin with https:"],
  ["http://127.0.0.1.example.com/token", "must begin with https:"],
  ["file:///token", "must begin with https:"],
  ["https://ann:hunter2@login.example.com/token", "must not contain a user name or a password"],
  ["hunter2", "must be a URL such as https://"],
])("the address %s is refused", async (tokenUrl, words) => {
  const error = await failureOf(requestToken(options({ url: "" }, { tokenUrl })));
  expect(error.code).toBe("POP3_CONFIG");
  expect(error.message).toContain(words);
  expect(visible(error)).not.toContain("hunter2");
});

test("a secret in the grant is refused with the option that it belongs to", async () => {
  const grant = { ...FORM, client_secret: "hunter2-client" };
  const error = await failureOf(requestToken(options({ url: "https://x.example" }, { grant })));
  expect(error.message).toContain("did you mean oauth2.clientSecret?");
});
