// Compares all options that a session depends on, so that a session is reused only with equal options. A
// session with a different password or weaker TLS must not be reused.
import { crypto } from "../auth/crypto.ts";
import type { Settings } from "../options/client.ts";

export type Fingerprint = ReadonlyMap<string, unknown>;

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
  if (!table) return;
  for (const [option, inner] of Object.entries(value)) yield* facts(`${name}.${option}`, inner);
}

function digest(secret: string): string {
  return crypto().createHash("sha256").update(secret).digest("base64");
}
