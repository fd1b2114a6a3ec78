// Sources of access tokens: when they ask, what they keep, and what happens to a new refresh token.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Pop3Client } from "popwright";
import {
  clientCredentials,
  OAuth2Error,
  refreshedToken,
  type AccessTokenSource,
  type RefreshedTokenOptions,
} from "popwright/oauth2";
import { Pop3Server } from "popwright/testing";
import { Gate } from "../support/gate.ts";
import { IdentityProvider, RawReply, type Answer } from "../support/identity-provider.ts";
import { codeOf, failureOf } from "../support/outcome.ts";
import { turns } from "../support/turns.ts";
import { expectNothingUnhandled } from "../support/unhandled.ts";

expectNothingUnhandled();

const numbered = (_form: unknown, nth: number): { access_token: string; expires_in: number } => ({
  access_token: `token-${nth}`,
  expires_in: 3600,
});

function source(provider: IdentityProvider, more: Partial<RefreshedTokenOptions> = {}): AccessTokenSource {
  return refreshedToken({
    tokenUrl: `${provider.url}/token`,
    clientId: "client-1",
    refreshToken: "refresh-0",
    onToken: () => undefined,
    ...more,
  });
}

const refreshTokens = ({ requests }: IdentityProvider): unknown[] =>
  requests.map((form) => form["refresh_token"]);

describe("time", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date", "performance"], now: 1e12 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("a token is kept until a minute before its end", async () => {
    await using provider = await IdentityProvider.listen(numbered);
    const give = source(provider);
    expect(await give()).toBe("token-1");
    vi.advanceTimersByTime(3_539_999);
    expect(await give()).toBe("token-1");
    vi.advanceTimersByTime(1);
    expect(await give()).toBe("token-2");
  });

  test("the margin can be set, and is at most half of the lifetime", async () => {
    await using provider = await IdentityProvider.listen((_form, nth) => ({
      access_token: `token-${nth}`,
      expires_in: nth === 1 ? 100 : 3600,
    }));
    const give = source(provider, { margin: 600_000 });
    expect(await give()).toBe("token-1");
    vi.advanceTimersByTime(49_999);
    expect(await give()).toBe("token-1");
    vi.advanceTimersByTime(1);
    expect(await give()).toBe("token-2");
    vi.advanceTimersByTime(2_999_999);
    expect(await give()).toBe("token-2");
    vi.advanceTimersByTime(1);
    expect(await give()).toBe("token-3");
  });

  test("a wall clock that is set back does not prolong a token, and one that runs on ends it", async () => {
    await using provider = await IdentityProvider.listen(numbered);
    const give = source(provider);
    expect(await give()).toBe("token-1");
    vi.setSystemTime(0);
    vi.advanceTimersByTime(3_540_000);
    expect(await give()).toBe("token-2");
    // The machine slept: the monotonic clock stood still.
    vi.setSystemTime(Date.now() + 3_540_000);
    expect(await give()).toBe("token-3");
  });

  test("a token without a lifetime is not kept", async () => {
    await using provider = await IdentityProvider.listen((_form, nth) => ({ access_token: `token-${nth}` }));
    const give = source(provider);
    expect([await give(), await give()]).toEqual(["token-1", "token-2"]);
  });

  test("a server that wants to be left alone is not asked before its time", async () => {
    await using provider = await IdentityProvider.listen((form, nth) =>
      nth === 1 ? new RawReply(429, { "retry-after": "60" }, "") : numbered(form, nth),
    );
    const give = source(provider);
    const first = await failureOf(give());
    expect(first).toMatchObject({ code: "POP3_TOKEN_UNAVAILABLE", temporary: true, retryAfter: 60_000 });
    vi.advanceTimersByTime(59_999);
    expect(await failureOf(give())).toBe(first);
    expect(provider.requests).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(await give()).toBe("token-2");
  });
});

describe("one request", () => {
  test("serves all callers that wait, with or without a refusal", async () => {
    const gate = new Gate();
    await using provider = await IdentityProvider.listen(async (form, nth) => {
      await gate.opened;
      return numbered(form, nth);
    });
    const give = source(provider);
    const calls = [...Array.from({ length: 50 }, () => give()), give({}), give({ status: "400" })];
    await turns();
    gate.open();
    expect(new Set(await Promise.all(calls))).toEqual(new Set(["token-1"]));
    expect(provider.requests).toHaveLength(1);
  });

  test("that fails is not kept", async () => {
    await using provider = await IdentityProvider.listen((form, nth) =>
      nth === 1 ? new RawReply(500, {}, "") : numbered(form, nth),
    );
    const give = source(provider);
    expect(await Promise.all([codeOf(give()), codeOf(give())])).toEqual([
      "POP3_TOKEN_UNAVAILABLE",
      "POP3_TOKEN_UNAVAILABLE",
    ]);
    expect(await give()).toBe("token-2");
    expect(provider.requests).toHaveLength(2);
  });

  test("replaces a token that was refused, once for all that were refused with it", async () => {
    await using provider = await IdentityProvider.listen(numbered);
    const give = source(provider);
    expect(await Promise.all([give(), give(), give()])).toEqual(["token-1", "token-1", "token-1"]);
    // The second and the third refusal are about the first token too: no login has got the second one.
    expect([await give({}), await give({}), await give({})]).toEqual(["token-2", "token-2", "token-2"]);
    expect(await give()).toBe("token-2");
    expect(await give({})).toBe("token-3");
    expect(provider.requests).toHaveLength(3);
  });

  test("a refused token is not given to others while its successor is on the way", async () => {
    const gate = new Gate();
    await using provider = await IdentityProvider.listen(async (form, nth) => {
      if (nth === 2) await gate.opened;
      return numbered(form, nth);
    });
    const give = source(provider);
    await give();
    const [refused, other] = [give({}), give()];
    gate.open();
    expect(await Promise.all([refused, other])).toEqual(["token-2", "token-2"]);
  });
});

describe("an abort", () => {
  test("ends the wait of one call; the request continues, and its refresh token is stored", async () => {
    const gate = new Gate();
    const arrived = new Gate();
    await using provider = await IdentityProvider.listen(async (form, nth) => {
      arrived.open();
      await gate.opened;
      return { ...numbered(form, nth), refresh_token: "refresh-1" };
    });
    const stored: string[] = [];
    const give = source(provider, { onToken: (token) => void stored.push(token) });
    const controller = new AbortController();
    const aborted = give(undefined, { signal: controller.signal });
    const other = give();
    await arrived.opened;
    controller.abort();
    expect(await codeOf(aborted)).toBe("POP3_ABORTED");
    gate.open();
    expect(await other).toBe("token-1");
    expect(stored).toEqual(["refresh-1"]);
  });

  test("before the call sends nothing", async () => {
    await using provider = await IdentityProvider.listen(numbered);
    const give = source(provider);
    expect(await codeOf(give(undefined, { signal: AbortSignal.abort() }))).toBe("POP3_ABORTED");
    expect(provider.requests).toEqual([]);
  });
});

describe("a new refresh token", () => {
  const rotating: Answer = async (form, nth) => ({
    ...numbered(form, nth),
    refresh_token: `refresh-${nth}`,
  });

  test("is stored before the access token is given, and used from then on", async () => {
    await using provider = await IdentityProvider.listen(rotating);
    const gate = new Gate();
    const stored: string[] = [];
    const give = source(provider, {
      scope: "mail",
      async onToken(token) {
        stored.push(token);
        await gate.opened;
      },
    });
    let given: string | undefined;
    const call = give().then((token) => (given = token));
    await vi.waitUntil(() => stored.length === 1);
    await turns();
    expect(given).toBeUndefined();
    gate.open();
    expect(await call).toBe("token-1");
    expect(await give({})).toBe("token-2");
    expect(stored).toEqual(["refresh-1", "refresh-2"]);
    expect(refreshTokens(provider)).toEqual(["refresh-0", "refresh-1"]);
    expect(provider.requests[0]).toEqual({
      grant_type: "refresh_token",
      refresh_token: "refresh-0",
      client_id: "client-1",
      scope: "mail",
    });
  });

  test("that is the old one is not stored again", async () => {
    await using provider = await IdentityProvider.listen(async (form, nth) => ({
      ...numbered(form, nth),
      refresh_token: "refresh-0",
    }));
    const stored: string[] = [];
    await source(provider, { onToken: (token) => void stored.push(token) })();
    expect(stored).toEqual([]);
  });

  test("that could not be stored fails the call, and is stored before the next request", async () => {
    await using provider = await IdentityProvider.listen(rotating);
    const stored: string[] = [];
    const give = source(provider, {
      onToken(token) {
        stored.push(token);
        if (stored.length <= 2) throw new Error("the disk is full");
      },
    });
    await expect(give()).rejects.toThrow("the disk is full");
    await expect(give()).rejects.toThrow("the disk is full");
    expect(provider.requests).toHaveLength(1);
    expect(await give()).toBe("token-2");
    expect(stored).toEqual(["refresh-1", "refresh-1", "refresh-1", "refresh-2"]);
    expect(refreshTokens(provider)).toEqual(["refresh-0", "refresh-1"]);
  });

  test("gives way to one of a new sign-in, which the function returns", async () => {
    await using provider = await IdentityProvider.listen(rotating);
    let stored = "refresh-0";
    let isFull = true;
    const give = source(provider, {
      refreshToken: () => stored,
      onToken(token) {
        if (isFull) throw new Error("the disk is full");
        stored = token;
      },
    });
    await expect(give()).rejects.toThrow("the disk is full");
    [stored, isFull] = ["signed-in-again", false];
    expect(await give()).toBe("token-2");
    expect(stored).toBe("refresh-2");
    expect(await give({})).toBe("token-3");
    expect(refreshTokens(provider)).toEqual(["refresh-0", "signed-in-again", "refresh-2"]);
  });
});

test("what the function for a secret throws comes as it is, and an empty secret is refused", async () => {
  await using provider = await IdentityProvider.listen(numbered);
  await expect(
    source(provider, {
      refreshToken: () => {
        throw new Error("locked");
      },
    })(),
  ).rejects.toThrow("locked");
  const error = await failureOf(source(provider, { clientSecret: () => "" })());
  expect(error).toMatchObject({ code: "POP3_CONFIG" });
  expect(provider.requests).toEqual([]);
});

test("an application gets a token with its secret", async () => {
  await using provider = await IdentityProvider.listen(numbered);
  const give = clientCredentials({
    tokenUrl: new URL(`${provider.url}/token`),
    clientId: "client-1",
    clientSecret: "hunter2-client",
    scope: ".default",
  });
  expect(await Promise.all([give(), give()])).toEqual(["token-1", "token-1"]);
  expect(provider.requests).toEqual([
    {
      grant_type: "client_credentials",
      client_id: "client-1",
      client_secret: "hunter2-client",
      scope: ".default",
    },
  ]);
});

test("a session logs in with a new token if the first one is refused", async () => {
  await using provider = await IdentityProvider.listen(numbered);
  await using server = await Pop3Server.listen({
    users: { ann: { accessToken: "token-2" } },
    tls: true,
    sasl: ["XOAUTH2"],
  });
  const account = { host: server.host, port: server.port, tls: { ca: server.ca } };
  const auth = { user: "ann", accessToken: source(provider) };
  await using client = await Pop3Client.connect({ ...account, auth });
  expect(client.state).toBe("transaction");
  expect(provider.requests).toHaveLength(2);
});

test("the error of the token server is that of the login", async () => {
  await using provider = await IdentityProvider.listen(() => ({ error: "invalid_grant" }));
  await using server = await Pop3Server.listen({ users: { ann: {} }, tls: true, sasl: ["XOAUTH2"] });
  const account = { host: server.host, port: server.port, tls: { ca: server.ca } };
  const error = await failureOf(
    Pop3Client.connect({ ...account, auth: { user: "ann", accessToken: source(provider) } }),
  );
  expect(OAuth2Error.is(error) && error.signInAgain).toBe(true);
});
