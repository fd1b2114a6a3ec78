// The reply of a token server (RFC 6749 sections 5.1 and 5.2). The first octet chooses its status. Oracles: a token comes only
// from a success with a bearer token in JSON; only `OAuth2Error` is thrown; no error shows a secret that the server repeats.
import { OAuth2Error } from "../../../src/oauth2/oauth2-error.ts";
import { requestToken, type TokenReply } from "../../../src/oauth2/request-token.ts";
import { expectSame, expectThat, fromFirst, isOneLine, octets, settledOutcome, text } from "../oracle.ts";

export const FILES: readonly string[] = ["oauth2/request-token", "oauth2/post", "oauth2/oauth2-error"];
export const TOKENS: readonly string[] = [
  '{"access_token":"t","token_type":"Bearer","expires_in":3600,"refresh_token":"r","scope":"s"}',
  ...['{"error":"invalid_grant","error_description":"x"}', '{"error":{"status":"X","message":"y"}}'],
  ...[
    '"expires_in":"60"',
    '"expires_in":1e999',
    '"expires_in":""',
    '"access_token":""',
    "null",
    "[]",
    "{",
    "}",
  ],
  ...["hunter2-secret", "\\n", '"', ",", "<html>", "temporarily_unavailable"],
];

const STATUSES = [200, 200, 200, 201, 302, 400, 401, 408, 429, 500, 503];
const CODES = ["POP3_TOKEN_REFUSED", "POP3_TOKEN_UNAVAILABLE"];
const SECRET = "hunter2-secret";

function objectIn(said: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(said);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : {};
  } catch {
    return {};
  }
}

/** Asks a server that answers so. */
async function asked(status: number, body: Buffer): Promise<TokenReply> {
  const real = globalThis.fetch;
  const headers = {
    location: text(body).replace(/[^ -~]/g, ""),
    "retry-after": text(body).replace(/[^ -~]/g, ""),
  };
  globalThis.fetch = () => Promise.resolve(new Response(new Uint8Array(body), { status, headers }));
  try {
    return await requestToken({
      tokenUrl: "https://token.example.com/",
      clientId: "client",
      clientSecret: SECRET,
      grant: { grant_type: "refresh_token", refresh_token: "hunter2-refresh" },
    });
  } finally {
    globalThis.fetch = real;
  }
}

/** RFC 6749 section 5.1: a number of seconds. Some servers write it as a text. */
function lifetimeIn(said: unknown): number | undefined {
  const seconds = typeof said === "string" && /^\d+$/.test(said) ? Number(said) : said;
  return typeof seconds === "number" && seconds >= 0 && Number.isFinite(seconds) ? seconds : undefined;
}

/** The input as the reply of a server, and as more members of a reply with a token. */
export async function fuzz(data: Buffer): Promise<void> {
  await check(data);
  await check(Buffer.concat([Buffer.of(0), octets('{"access_token":"t",'), data, octets("}")]));
}

async function check(data: Buffer): Promise<void> {
  const [index, body] = fromFirst(data, STATUSES.length);
  const status = STATUSES[index] as number;
  let failure: unknown;
  const outcome = await settledOutcome(CODES, () =>
    asked(status, body).catch((error: unknown) => {
      failure = error;
      throw error;
    }),
  );
  const said = objectIn(body.toString("utf8"));
  const { access_token: token, token_type: type = "bearer", error } = said;
  const isToken = typeof token === "string" && token !== "" && error === undefined;
  const isRight = status < 300 && isToken && typeof type === "string" && type.toLowerCase() === "bearer";
  expectSame("value" in outcome, isRight, "whether there is a token");
  if ("value" in outcome) {
    const { accessToken, expiresIn, refreshToken, scope, idToken } = outcome.value;
    expectSame(accessToken, token, "a token");
    expectSame(expiresIn, lifetimeIn(said["expires_in"]), "a lifetime");
    for (const [name, value] of Object.entries({ refresh_token: refreshToken, scope, id_token: idToken }))
      expectSame(value, typeof said[name] === "string" ? said[name] || undefined : undefined, name);
    return;
  }
  expectThat(OAuth2Error.is(failure), "an error of the token server", failure);
  const { message, description = "", error: code = "" } = failure;
  for (const each of [message, description, code]) {
    expectThat(isOneLine(each), "words that cannot be printed", each);
    expectThat(!each.includes("hunter2"), "a secret in an error", each);
  }
}
