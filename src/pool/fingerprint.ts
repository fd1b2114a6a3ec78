// Compares all options that a session depends on, so that a session is reused only with equal options. A
// session with a different password or weaker TLS must not be reused.
import { crypto } from "../system/crypto.ts";
import { tlsFingerprint } from "../net/tls-fingerprint.ts";
import type { Settings } from "../options/client.ts";

export type Fingerprint = ReadonlyMap<string, unknown>;

/** Objects whose values are compared one by one. Other objects and functions are compared by identity. */
const TABLES =
  /^settings(?:\.(?:timeouts|limits|window|proxy|localAddress|auth(?:\.(?:mechanisms|bindingTypes|scram))?))?$/;
/** The names of secrets. Of these only a digest is kept. */
const SECRETS = /\.(?:pass|accessToken)$/;

export function fingerprintOf(settings: Settings): Fingerprint {
  const { tls, ...rest } = settings;
  return new Map([...facts("settings", rest), ["settings.tls", tlsFingerprint(tls)]]);
}

export function sameFingerprint(ours: Fingerprint, theirs: Fingerprint): boolean {
  if (ours.size !== theirs.size) return false;
  // An option that is missing is not the same as one that is undefined: a list has its items in its place.
  for (const [name, value] of ours)
    if (!theirs.has(name) || !Object.is(value, theirs.get(name))) return false;
  return true;
}

function* facts(name: string, value: unknown): Generator<[string, unknown]> {
  const table = typeof value === "object" && value !== null && TABLES.test(name);
  if (!table) yield [name, typeof value === "string" && SECRETS.test(name) ? digest(value) : value];
  if (!table) return;
  for (const [option, inner] of Object.entries(value)) yield* facts(`${name}.${option}`, inner);
}

function digest(secret: string): string {
  return crypto().createHash("sha256").update(secret).digest("base64");
}
