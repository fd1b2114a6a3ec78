// Why a server refuses an access token: JSON in a challenge (RFC 7628 section 3.2.2). Whatever comes, it is an answer.
import type { OAuthRefusal } from "../errors.ts";
import { printable } from "../protocol/printable.ts";

/** The names on the wire, and ours. XOAUTH2 has `schemes`, OAUTHBEARER has `openid-configuration`. */
const FIELDS = [
  ["status", "status"],
  ["scope", "scope"],
  ["schemes", "schemes"],
  ["openid-configuration", "openidConfiguration"],
] as const;

/** What can be made of `challenge`: strings that may be printed, cut there, and without the `secrets`. */
export function parseRefusal(challenge: Buffer, secrets: readonly string[]): OAuthRefusal {
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
    if (typeof value === "string") refusal[field] = printable(value, secrets);
  }
  return refusal;
}
