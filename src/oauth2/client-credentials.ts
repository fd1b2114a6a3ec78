// Gets access tokens for an application without a user (RFC 6749 section 4.4).
import type { Secret } from "../options/auth.ts";
import { checkDuration, checkText } from "../options/checks.ts";
import type { Duration } from "../options/duration.ts";
import { keepToken, MARGIN, type AccessTokenSource } from "./keep-token.ts";
import { ask, checkSecret, checkServer, SERVER, type TokenServerOptions } from "./request-token.ts";

/** The options of {@link clientCredentials}. */
export interface ClientCredentialsOptions extends TokenServerOptions {
  /** The secret of the application, or a function that returns it. It is called for each request. */
  readonly clientSecret: Secret;
  /** The scopes to request, separated by spaces. */
  readonly scope: string;
  /**
   * How long before its end a token is no longer used; at most half of its lifetime. A number is in milliseconds.
   * @default 60000
   */
  readonly margin?: Duration | undefined;
}

const NAMES: Readonly<Record<keyof ClientCredentialsOptions, true>> = {
  ...SERVER,
  scope: true,
  margin: true,
};

/**
 * Returns a function for `auth.accessToken` that gets access tokens for an application, as Microsoft 365 has them. It keeps
 * a token until shortly before its end, and makes one request for all callers that wait. One function is enough for all
 * mailboxes that the application may open.
 *
 * The function rejects with {@link OAuth2Error}. Throws `POP3_CONFIG` for wrong options.
 *
 * @example
 * ```ts
 * const accessToken = clientCredentials({
 *   tokenUrl: "https://login.microsoftonline.com/example.com/oauth2/v2.0/token",
 *   clientId: "00000000-0000-0000-0000-000000000000",
 *   clientSecret: process.env["MICROSOFT_CLIENT_SECRET"]!,
 *   scope: "https://outlook.office365.com/.default",
 * });
 * const auth = { user: "ann@example.com", accessToken };
 * ```
 */
export function clientCredentials(options: ClientCredentialsOptions): AccessTokenSource {
  checkServer(options, Object.keys(NAMES));
  const server = { ...options };
  const { clientSecret, scope, margin: given = MARGIN } = options;
  checkSecret("clientSecret", clientSecret);
  checkText("oauth2.scope", scope);
  const margin = checkDuration("oauth2.margin", given, "ms");
  return keepToken(() => ask(server, { grant_type: "client_credentials", scope }), margin);
}
