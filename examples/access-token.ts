// Gets OAuth2 access tokens (RFC 6749). It keeps a token until a minute before it expires, and requests a new
// one earlier if a mail server refuses it.
import { readFile, rename, writeFile } from "node:fs/promises";
import type { OAuthRefusal } from "popwright";

/** The response of a token endpoint (RFC 6749 section 5.1). */
export interface Grant {
  readonly access_token: string;
  /** The lifetime of the token in seconds. */
  readonly expires_in?: number;
  /** Some providers send a new refresh token at each use. */
  readonly refresh_token?: string;
}

/**
 * Requests a token. Rejects with the error of the endpoint: `invalid_grant` means that the user must sign in
 * again.
 */
export async function requestGrant(endpoint: string, form: Readonly<Record<string, string>>): Promise<Grant> {
  const response = await fetch(endpoint, {
    method: "POST",
    body: new URLSearchParams(form),
    signal: AbortSignal.timeout(30_000),
  });
  const answer = (await response.json().catch(() => ({}))) as Partial<Grant> & {
    readonly error?: string;
    readonly error_description?: string;
  };
  if (!response.ok || answer.access_token === undefined) {
    const why = [answer.error, answer.error_description?.split("\n", 1)[0]].filter(Boolean).join(": ");
    throw new Error(`no access token, HTTP ${response.status} ${why}`);
  }
  return { ...answer, access_token: answer.access_token };
}

/**
 * popwright calls this function for each login, and again with the refusal if the server refused the token.
 */
export type GiveToken = (refusal?: OAuthRefusal) => Promise<string>;

/** Shares one token between all callers, and makes only one request at a time. */
export function keepToken(request: () => Promise<Grant>): GiveToken {
  let token: string | undefined;
  /** Milliseconds since 1970. */
  let until = 0;
  let pending: Promise<string> | undefined;
  const renew = async (): Promise<string> => {
    const { access_token, expires_in = 0 } = await request();
    until = Date.now() + (expires_in - 60) * 1000;
    return (token = access_token);
  };
  return async (refusal) => {
    if (token !== undefined && refusal === undefined && Date.now() < until) return token;
    pending ??= renew().finally(() => {
      pending = undefined;
    });
    return pending;
  };
}

/**
 * Gets tokens with the refresh token in `file`. `client`: the client id, and the secret and the scope if the
 * provider requires them.
 */
export function refreshToken(
  endpoint: string,
  client: Readonly<Record<string, string>>,
  file: string,
): GiveToken {
  return keepToken(async () => {
    const refresh_token = (await readFile(file, "utf8")).trim();
    const grant = await requestGrant(endpoint, { ...client, grant_type: "refresh_token", refresh_token });
    if (grant.refresh_token !== undefined && grant.refresh_token !== refresh_token) {
      await saveRefreshToken(file, grant.refresh_token);
    }
    return grant;
  });
}

/**
 * Saves the token so that only this user can read it. A concurrent reader gets the old token or the new one.
 */
export async function saveRefreshToken(file: string, token: string): Promise<void> {
  await writeFile(`${file}.new`, `${token}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
