// OAuth2 access tokens: XOAUTH2 as the large providers implement it, and OAUTHBEARER (RFC 7628). The server
// refuses a token with a challenge in JSON, and sends -ERR after the client's response to it.
import { EMPTY, type ServerMechanism } from "./mechanism.ts";

/** The challenge that refuses a token: the members of a JSON object, or a text that is sent unchanged. */
export type OAuthError = Readonly<Record<string, unknown>> | string;

const SEPARATOR = "\u0001";

/** The user name and the token that the client sent. With OAUTHBEARER the name may be missing. */
interface Claim {
  readonly user: string | undefined;
  readonly token: string | undefined;
}

/** `error`: the challenge that refuses a token. */
export function xoauth2(
  error: OAuthError = { status: "400", schemes: "Bearer", scope: "https://mail.popwright.test/" },
): ServerMechanism {
  return bearer("XOAUTH2", error, (response) => {
    const pairs = pairsOf(response);
    return pairs?.has("user") === true ? { user: pairs.get("user"), token: tokenOf(pairs) } : undefined;
  });
}

/** `error`: the challenge that refuses a token. */
export function oauthbearer(
  error: OAuthError = {
    status: "invalid_token",
    scope: "mail",
    "openid-configuration": "https://popwright.test/.well-known/openid-configuration",
  },
): ServerMechanism {
  return bearer("OAUTHBEARER", error, (response) => {
    const end = response.indexOf(SEPARATOR);
    const header = GS2_HEADER.exec(response.slice(0, Math.max(end, 0)));
    if (header === null) return undefined;
    const user = header[1]?.replaceAll("=2C", ",").replaceAll("=3D", "=");
    return { user, token: tokenOf(pairsOf(response.slice(end + 1))) };
  });
}

function bearer(
  name: string,
  error: OAuthError,
  claimOf: (response: string) => Claim | undefined,
): ServerMechanism {
  return {
    name,
    initialResponse: true,
    *exchange(accounts) {
      const { user, token } = claimOf((yield EMPTY).toString("utf8")) ?? {};
      const account = token === undefined ? undefined : accounts.verifyToken(user, token);
      if (account !== undefined) return account;
      yield Buffer.from(typeof error === "string" ? error : JSON.stringify(error), "utf8");
      return "[AUTH] the access token is not accepted";
    },
  };
}

/** RFC 5801 section 4, without channel binding. In the name, `=3D` stands for `=` and `=2C` for `,`. */
const GS2_HEADER = /^[ny],(?:a=((?:[^=,]|=2C|=3D)+))?,$/;

/** RFC 7628 section 3.1: parses the pairs. A separator ends each pair, and another one ends the list. */
function pairsOf(text: string): Map<string, string> | undefined {
  const parts = text.split(SEPARATOR);
  if (parts.length < 3 || parts.pop() !== "" || parts.pop() !== "") return undefined;
  return new Map(parts.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
}

/** RFC 6750 section 2.1: returns the bearer token. The scheme may be in any case. */
function tokenOf(pairs: ReadonlyMap<string, string> | undefined): string | undefined {
  return /^Bearer +([!-~]+)$/i.exec(pairs?.get("auth") ?? "")?.[1];
}
