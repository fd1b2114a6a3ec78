// Access tokens of OAuth2 (RFC 6749): kept until a minute before they expire, fetched afresh when a mail server refuses them.
import { readFile, rename, writeFile } from "node:fs/promises";
import type { OAuthRefusal } from "popwright";

/** What a token endpoint gives (RFC 6749 section 5.1). */
export interface Grant {
  readonly access_token: string;
  /** Seconds. */
  readonly expires_in?: number;
  /** Some providers give another one at each use. */
  readonly refresh_token?: string;
}

/** Asks a token endpoint. Rejects with what it says: `invalid_grant` means that the user has to sign in again. */
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

/** What popwright calls for each login, and again with the refusal where the server did not take the token. */
export type GiveToken = (refusal?: OAuthRefusal) => Promise<string>;

/** One token for all who ask, and one request at a time. */
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

/** Tokens for the refresh token in `file`. `client`: its id, and the secret and the scope where the provider wants them. */
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

/** For this user's eyes only; whoever reads it at the same time finds the old one or the new one. */
export async function saveRefreshToken(file: string, token: string): Promise<void> {
  await writeFile(`${file}.new`, `${token}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
