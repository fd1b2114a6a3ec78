// Parses the reason for which a server refuses an access token: JSON in a challenge (RFC 7628 section 3.2.2).
// It never throws; a challenge that it cannot read gives an empty reason.
import type { OAuthRefusal } from "../errors.ts";

/** The names on the wire and in our type. XOAUTH2 has `schemes`, OAUTHBEARER has `openid-configuration`. */
const FIELDS = [
  ["status", "status"],
  ["scope", "scope"],
  ["schemes", "schemes"],
  ["openid-configuration", "openidConfiguration"],
] as const;

/** Returns the known members of `challenge`, each made safe to show by `printable`. */
export function parseRefusal(challenge: Buffer, printable: (text: string) => string): OAuthRefusal {
  let said: unknown;
  try {
    said = JSON.parse(challenge.toString("utf8"));
  } catch {
    return {};
  }
  if (typeof said !== "object" || said === null) return {};
  const refusal: { -readonly [field in keyof OAuthRefusal]: OAuthRefusal[field] } = {};
  for (const [name, field] of FIELDS) {
    const value = (said as Readonly<Record<string, unknown>>)[name];
    if (typeof value === "string") refusal[field] = printable(value);
  }
  return refusal;
}
