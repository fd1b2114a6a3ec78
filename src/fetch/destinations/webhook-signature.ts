// The signature of Standard Webhooks (standardwebhooks.com): HMAC-SHA256 over the id, the time and the body.
import { createHmac, timingSafeEqual } from "node:crypto";
import { configError, shown } from "../../options/checks.ts";

/** The sizes of a secret; octets. */
const [SHORTEST, LONGEST] = [24, 64];

/** What is signed. */
export interface SignedParts {
  readonly id: string;
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly body: Uint8Array;
}

/**
 * Returns the keys of secrets such as `whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD`. Throws `POP3_CONFIG` if one cannot be used,
 * and never shows it.
 */
export function keysOf(secrets: unknown): Buffer[] {
  const list: readonly unknown[] = Array.isArray(secrets) ? secrets : [secrets];
  if (list.length === 0)
    throw configError("webhook.secrets must have at least one secret (got an empty array)");
  return list.map((secret) => {
    if (typeof secret !== "string")
      throw configError(`webhook.secrets must be a string, or an array of strings (got ${shown(secret)})`);
    const text = secret.replace(/^whsec_/, "");
    const key = Buffer.from(text, "base64");
    // Buffer ignores what is not base64.
    if (key.length < SHORTEST || key.length > LONGEST || !/^[A-Za-z0-9+/]+=*$/.test(text))
      throw configError(
        `each of webhook.secrets must be whsec_ and the base64 of ${SHORTEST} to ${LONGEST} bytes: make one with \`openssl rand -base64 32\``,
      );
    return key;
  });
}

/** Signs with each key. The result is the value of the field `webhook-signature`. */
export function signatures(keys: readonly Buffer[], parts: SignedParts): string {
  return keys.map((key) => `v1,${digest(key, parts).toString("base64")}`).join(" ");
}

/** Whether one of the signatures in `field` is by one of the keys. */
export function isSigned(field: string, keys: readonly Buffer[], parts: SignedParts): boolean {
  const expected = keys.map((key) => digest(key, parts));
  const given = field.split(" ").flatMap((each) => {
    const octets = Buffer.from(each.replace(/^v1,/, ""), "base64");
    return each.startsWith("v1,") && octets.length === 32 ? [octets] : [];
  });
  return given.some((octets) => expected.some((each) => timingSafeEqual(each, octets)));
}

function digest(key: Buffer, { id, timestamp, body }: SignedParts): Buffer {
  return createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();
}
