// The names of the built-in login methods, and the secret that each needs. With these the options are checked before
// the mechanisms are loaded, which the first login does.

/** The kind of secret that proves the user's identity. */
export type SecretKind = "password" | "token" | "none";

/** Name in upper case → secret. `choice.ts` has the methods in order of preference. */
const SECRETS: ReadonlyMap<string, SecretKind> = new Map([
  ["SCRAM-SHA-512-PLUS", "password"],
  ["SCRAM-SHA-256-PLUS", "password"],
  ["SCRAM-SHA-1-PLUS", "password"],
  ["SCRAM-SHA-512", "password"],
  ["SCRAM-SHA-256", "password"],
  ["SCRAM-SHA-1", "password"],
  ["PLAIN", "password"],
  ["LOGIN", "password"],
  ["USER", "password"],
  ["DIGEST-MD5", "password"],
  ["CRAM-MD5", "password"],
  ["APOP", "password"],
  ["OAUTHBEARER", "token"],
  ["XOAUTH2", "token"],
  ["EXTERNAL", "none"],
  ["GSSAPI", "none"],
  ["ANONYMOUS", "none"],
]);

/** The names of the built-in methods. */
export function mechanismNames(): Iterable<string> {
  return SECRETS.keys();
}

/** Returns the secret that the method with this name needs, in upper or lower case; `undefined` for an unknown name. */
export function secretNamed(name: string): SecretKind | undefined {
  return SECRETS.get(name.toUpperCase());
}
