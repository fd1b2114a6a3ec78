// Compares all options that a session depends on, so that a session is reused only with equal options. A
// session with a different password or weaker TLS must not be reused.
import { crypto } from "../auth/crypto.ts";
import { AUTH_OPTIONS, type Pop3Auth } from "../options/auth.ts";
import { CLIENT_OPTIONS, type Pop3ClientOptions, type Settings } from "../options/client.ts";

export type Fingerprint = ReadonlyMap<string, unknown>;

/** Copies the options, `auth` and arrays. Other objects, such as `tls` and `socket`, are not copied. */
export function copyOf(options: Pop3ClientOptions): Pop3ClientOptions {
  const copy = picked(options, CLIENT_OPTIONS);
  const { auth } = options as { auth?: unknown };
  return typeof auth === "object" && auth !== null
    ? { ...copy, auth: picked(auth as Pop3Auth, AUTH_OPTIONS) }
    : copy;
}

/** Copies by name, because an instance of a class may have inherited properties. */
function picked<T extends object>(given: T, names: Record<keyof T, true>): T {
  const copy: Partial<Record<keyof T, unknown>> = {};
  for (const name of Object.keys(names) as (keyof T)[]) {
    const value: unknown = given[name];
    if (value !== undefined) copy[name] = Array.isArray(value) ? [...(value as unknown[])] : value;
  }
  return copy as T;
}

/** Objects whose values are compared one by one. Other objects and functions are compared by identity. */
const TABLES =
  /^settings(?:\.(?:timeouts|limits|window|proxy|auth(?:\.(?:mechanisms|bindingTypes|scram))?))?$/;
/** The names of secrets. Of these only a digest is kept. */
const SECRETS = /\.(?:pass|accessToken)$/;

export function fingerprintOf(settings: Settings): Fingerprint {
  return new Map(facts("settings", settings));
}

export function sameFingerprint(ours: Fingerprint, theirs: Fingerprint): boolean {
  if (ours.size !== theirs.size) return false;
  for (const [name, value] of ours) if (!Object.is(value, theirs.get(name))) return false;
  return true;
}

function* facts(name: string, value: unknown): Generator<[string, unknown]> {
  const table = typeof value === "object" && value !== null && TABLES.test(name);
  if (!table) yield [name, typeof value === "string" && SECRETS.test(name) ? digest(value) : value];
  // The caller may have changed the `tls` object: compare its values, too.
  if (!table && name !== "settings.tls") return;
  for (const [option, inner] of Object.entries(value as object)) yield* facts(`${name}.${option}`, inner);
}

function digest(secret: string): string {
  return crypto().createHash("sha256").update(secret).digest("base64");
}
