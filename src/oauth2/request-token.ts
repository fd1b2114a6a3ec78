// Requests one access token from a token server (RFC 6749 section 3.2), with any kind of grant.
import { typeOf } from "../protocol/printable.ts";
import type { Secret } from "../options/auth.ts";
import type { CallOptions } from "../options/call.ts";
import {
  checkNames,
  checkDuration,
  checkObject,
  checkSignal,
  checkText,
  configError,
  shown,
} from "../options/checks.ts";
import type { Duration } from "../options/duration.ts";
import { OAuth2Error } from "./oauth2-error.ts";
import { post, type Reply } from "./post.ts";

/** The token server, and the client that it knows. */
export interface TokenServerOptions {
  /**
   * The address of the token endpoint. `https:` only, `http:` also at 127.0.0.1, ::1 and localhost.
   */
  readonly tokenUrl: string | URL;
  /** The id of the client, as the provider gave it. */
  readonly clientId: string;
  /** The secret of the client, or a function that returns it. It is called for each request. @default none */
  readonly clientSecret?: Secret | undefined;
  /** The time limit of one request. A number is in milliseconds. @default 30000 */
  readonly timeout?: Duration | undefined;
}

/** The options of {@link requestToken}. */
export interface TokenRequestOptions extends TokenServerOptions, CallOptions {
  /** What to exchange for a token: `grant_type` and its parameters, by their names in the RFC. */
  readonly grant: Readonly<Record<string, string>>;
}

/** The reply of a token server (RFC 6749 section 5.1). */
export interface TokenReply {
  /** The access token, for `auth.accessToken`. */
  readonly accessToken: string;
  /** The lifetime of the access token in seconds; `undefined`: the server does not say. */
  readonly expiresIn?: number;
  /** A refresh token. It replaces the one that was used. */
  readonly refreshToken?: string;
  /** The scopes that were granted, separated by spaces; `undefined`: those that were requested. */
  readonly scope?: string;
  /** The ID token of OpenID Connect, if the scope `openid` was requested. Its signature is not verified. */
  readonly idToken?: string;
}

type Names<O> = Readonly<Record<keyof O, true>>;

export const SERVER: Names<TokenServerOptions> = {
  tokenUrl: true,
  clientId: true,
  clientSecret: true,
  timeout: true,
};
const REQUEST: Names<TokenRequestOptions> = { ...SERVER, grant: true, signal: true };

/** The time limit of a request, in milliseconds. */
const PATIENCE = 30_000;

/**
 * Requests one token. It keeps nothing: {@link refreshedToken} and {@link clientCredentials} do. Use it for the end of a
 * sign-in, where a code is exchanged for the first refresh token.
 *
 * Rejects with {@link OAuth2Error} if there is no token, with `POP3_ABORTED` if `signal` is aborted, and with
 * `POP3_CONFIG` for wrong options.
 *
 * @example
 * ```ts
 * const { refreshToken } = await requestToken({
 *   tokenUrl: "https://oauth2.googleapis.com/token",
 *   clientId: "the-id-of-the-client",
 *   clientSecret: process.env["GOOGLE_CLIENT_SECRET"]!,
 *   grant: {
 *     grant_type: "authorization_code",
 *     code: "4/0Ab-from-the-redirect",
 *     code_verifier: "what-the-code-challenge-was-made-of",
 *     redirect_uri: "http://127.0.0.1:8000",
 *   },
 * });
 * ```
 */
export async function requestToken(options: TokenRequestOptions): Promise<TokenReply> {
  checkServer(options, Object.keys(REQUEST));
  checkSignal("oauth2.signal", options.signal);
  const { grant, signal } = options;
  checkObject("oauth2.grant", grant);
  checkText("oauth2.grant.grant_type", grant["grant_type"]);
  for (const [name, value] of Object.entries(grant))
    if (typeof value !== "string")
      throw configError(`each value of oauth2.grant must be a string (got ${typeOf(value)})`);
    else if (name === "client_secret")
      throw configError("oauth2.grant.client_secret cannot be set: did you mean oauth2.clientSecret?");
  return ask(options, grant, signal);
}

/** Requests a token with options that were checked. */
export async function ask(
  { tokenUrl, clientId, clientSecret, timeout: given = PATIENCE }: TokenServerOptions,
  grant: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<TokenReply> {
  const secret = clientSecret === undefined ? undefined : await secretText("clientSecret", clientSecret);
  const form = {
    ...grant,
    client_id: clientId,
    // RFC 6749 section 2.3.1: in the body. Google and Microsoft document this form.
    ...(secret === undefined ? {} : { client_secret: secret }),
  };
  const url = new URL(tokenUrl);
  const timeout = checkDuration("oauth2.timeout", given, "ms");
  return tokenIn(await post(url, form, { timeout, signal }));
}

/** Returns a secret, or what its function returns. Throws `POP3_CONFIG` if that is not a non-empty string. */
export async function secretText(name: "clientSecret" | "refreshToken", given: Secret): Promise<string> {
  const secret: unknown = typeof given === "function" ? await given() : given;
  if (typeof secret !== "string" || secret === "")
    throw configError(
      `the function oauth2.${name} must return a non-empty string (got ${secret === "" ? "an empty string" : typeOf(secret)})`,
    );
  return secret;
}

function tokenIn(reply: Reply): TokenReply {
  const { access_token: accessToken, token_type: type, expires_in: life } = reply;
  if (typeof accessToken !== "string" || accessToken === "")
    throw unusable("the token server sent a reply without an access token");
  if (type !== undefined && (typeof type !== "string" || type.toLowerCase() !== "bearer"))
    throw unusable("the token server sent a token that is not a bearer token (token_type)");
  // Some servers send a number as a string.
  const expiresIn = typeof life === "string" && /^\d+$/.test(life) ? Number(life) : life;
  const text = (name: string): string | undefined => {
    const value = reply[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const [refreshToken, scope, idToken] = [text("refresh_token"), text("scope"), text("id_token")];
  return {
    accessToken,
    ...(typeof expiresIn === "number" && expiresIn >= 0 && expiresIn < Infinity ? { expiresIn } : {}),
    ...(refreshToken === undefined ? {} : { refreshToken }),
    ...(scope === undefined ? {} : { scope }),
    ...(idToken === undefined ? {} : { idToken }),
  };
}

function unusable(message: string): OAuth2Error {
  return new OAuth2Error("POP3_TOKEN_UNAVAILABLE", message, { temporary: false });
}

/** Throws `POP3_CONFIG` if the options of the server cannot be used. `names`: all options of the function. */
export function checkServer(options: TokenServerOptions, names: readonly string[]): void {
  checkObject("oauth2", options);
  checkNames("oauth2", options, names);
  checkUrl(options.tokenUrl);
  checkText("oauth2.clientId", options.clientId);
  if (options.clientSecret !== undefined) checkSecret("clientSecret", options.clientSecret);
  if (options.timeout === undefined) return;
  if (checkDuration("oauth2.timeout", options.timeout, "ms") === 0)
    throw configError(`oauth2.timeout must be greater than 0 (got ${shown(options.timeout)})`);
}

/** Throws if the value is not a secret or a function. The value is never shown. */
export function checkSecret(name: "clientSecret" | "refreshToken", value: unknown): void {
  if (typeof value === "function" || (typeof value === "string" && value !== "")) return;
  const got = value === "" ? "an empty string" : typeOf(value);
  const hint = value === undefined ? ": if it comes from an environment variable, is that set?" : "";
  throw configError(
    `oauth2.${name} must be a non-empty string, or a function that returns one (got ${got})${hint}`,
  );
}

/** The value is not shown: an address may contain a password. */
function checkUrl(value: unknown): void {
  const given: unknown = value instanceof URL ? value.href : value;
  if (typeof given !== "string" || !URL.canParse(given))
    throw configError(
      `oauth2.tokenUrl must be a URL such as https://oauth2.googleapis.com/token (got ${typeof given === "string" ? "another string" : shown(given)})`,
    );
  const { protocol, hostname, username, password } = new URL(given);
  // Not by isLoopback of src/net: the client would load a file more, which both share.
  const isLoopback = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  if (protocol !== "https:" && !(protocol === "http:" && isLoopback))
    throw configError(
      "oauth2.tokenUrl must begin with https:, because the request has secrets; http: is for 127.0.0.1, [::1] and localhost",
    );
  if (username !== "" || password !== "")
    throw configError("oauth2.tokenUrl must not contain a user name or a password: use oauth2.clientSecret");
}
