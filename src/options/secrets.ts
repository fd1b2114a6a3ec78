// Collects what the options name and nothing may show: secrets, and the names of users if they are hidden.
import { Secrets } from "../protocol/secrets.ts";
import type { Pop3Auth } from "./auth.ts";
import type { Settings } from "./client.ts";

/**
 * Returns what is known before the session begins. A secret that a function returns is added when it is used.
 */
export function secretsOf({ auth, proxy, tls, logUser }: Settings): Secrets {
  const secrets = new Secrets();
  if (auth !== undefined) addAuth(secrets, auth, logUser);
  if (tls.passphrase !== undefined) secrets.add(tls.passphrase);
  if (proxy?.pass !== undefined)
    secrets.add(proxy.pass, Buffer.from(`${proxy.user ?? ""}:${proxy.pass}`).toString("base64"));
  if (!logUser) secrets.hide(proxy?.user ?? "");
  return secrets;
}

/** Adds the secrets of a login. `logUser`: whether the names of the users may be shown. */
export function addAuth(secrets: Secrets, auth: Pop3Auth, logUser: boolean): void {
  for (const secret of [auth.pass, auth.accessToken]) if (typeof secret === "string") secrets.add(secret);
  if (logUser) return;
  for (const name of [auth.user, auth.authzid]) secrets.hide(name ?? "");
}
