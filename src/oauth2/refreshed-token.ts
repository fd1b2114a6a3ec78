// Gets access tokens with a refresh token (RFC 6749 section 6), and hands on the refresh token that replaces it.
import type { Secret } from "../options/auth.ts";
import { checkFunction, checkDuration, checkText, configError } from "../options/checks.ts";
import type { Duration } from "../options/duration.ts";
import { keepToken, MARGIN, type AccessTokenSource } from "./keep-token.ts";
import {
  ask,
  checkSecret,
  checkServer,
  secretText,
  SERVER,
  type TokenServerOptions,
} from "./request-token.ts";

/** The options of {@link refreshedToken}. */
export interface RefreshedTokenOptions extends TokenServerOptions {
  /**
   * The refresh token, or a function that returns it. The function is called for each request, so that a token that
   * another process has stored is used.
   */
  readonly refreshToken: Secret;
  /** The scopes to request, separated by spaces. @default those that were granted at the sign-in */
  readonly scope?: string | undefined;
  /**
   * Stores a new refresh token. Some servers send one with each reply, and the old one may then be invalid: without
   * the new one the user must sign in again. It is awaited. If it rejects, the call for an access token rejects with the
   * same error, and the next call stores the token first.
   */
  readonly onToken: (refreshToken: string) => void | Promise<void>;
  /**
   * How long before its end a token is no longer used; at most half of its lifetime. A number is in milliseconds.
   * @default 60000
   */
  readonly margin?: Duration | undefined;
}

const NAMES: Readonly<Record<keyof RefreshedTokenOptions, true>> = {
  ...SERVER,
  refreshToken: true,
  scope: true,
  onToken: true,
  margin: true,
};

/**
 * Returns a function for `auth.accessToken` that gets access tokens with a refresh token. It keeps a token until shortly
 * before its end, and makes one request for all callers that wait. Use one for all sessions of a user.
 *
 * The function rejects with {@link OAuth2Error}: `signInAgain` tells that the refresh token is no longer valid, and
 * `temporary` that the same call may succeed later. Throws `POP3_CONFIG` for wrong options.
 *
 * @example
 * ```ts
 * const tokens = new Map([["ann", "1//0a-the-refresh-token"]]); // a database, or a file with mode 0600
 * const accessToken = refreshedToken({
 *   tokenUrl: "https://oauth2.googleapis.com/token",
 *   clientId: "the-id-of-the-client",
 *   clientSecret: process.env["GOOGLE_CLIENT_SECRET"]!,
 *   refreshToken: () => tokens.get("ann") ?? "",
 *   onToken: (token) => void tokens.set("ann", token),
 * });
 * const auth = { user: "ann@gmail.com", accessToken };
 * ```
 */
export function refreshedToken(options: RefreshedTokenOptions): AccessTokenSource {
  checkServer(options, Object.keys(NAMES));
  const server = { ...options };
  const { refreshToken, scope, onToken, margin: time = MARGIN } = options;
  checkSecret("refreshToken", refreshToken);
  if (scope !== undefined) checkText("oauth2.scope", scope);
  if ((onToken as unknown) === undefined)
    throw configError(
      "oauth2.onToken is missing: it must store a new refresh token, or the user may have to sign in again",
    );
  checkFunction("oauth2.onToken", onToken);
  const margin = checkDuration("oauth2.margin", time, "ms");

  /** What `refreshToken` was at the last request. */
  let given: string | undefined;
  /** What has replaced it since. */
  let rotated: string | undefined;
  let isStored = true;
  const store = async (token: string): Promise<void> => {
    isStored = false;
    await onToken(token);
    isStored = true;
  };
  return keepToken(async () => {
    const current = await secretText("refreshToken", refreshToken);
    // The caller has stored ours, or has another one from a new sign-in.
    if (current !== given) [given, rotated, isStored] = [current, undefined, true];
    if (rotated !== undefined && !isStored) await store(rotated);
    const used = rotated ?? current;
    const reply = await ask(server, {
      grant_type: "refresh_token",
      refresh_token: used,
      ...(scope === undefined ? {} : { scope }),
    });
    if (reply.refreshToken !== undefined && reply.refreshToken !== used) {
      rotated = reply.refreshToken;
      await store(rotated);
    }
    return reply;
  }, margin);
}
