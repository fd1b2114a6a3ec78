// APOP (RFC 1939 section 7): a digest of the greeting's timestamp and the secret. Obsolete: MD5 no longer protects it.
import { Pop3Error } from "../errors.ts";
import { crypto } from "./crypto.ts";

// RFC 822's msg-id as RFC 1939 asks for it: printable ASCII, one "@", no space. Collision attacks on MD5 need
// octets that no msg-id has (CVE-2007-1558). No longer than a greeting line can be, and matched in linear time.
const TIMESTAMP = /^(?=.{5,250}$)<[!-;=?A-~]+@[!-;=?A-~]+>$/;

/**
 * The timestamp of a greeting, with its angle brackets, or `undefined` where there is none that can be
 * trusted: not a msg-id in printable ASCII, or more than one candidate.
 */
export function apopTimestamp(greeting: string): string | undefined {
  // Where a bracket is missing, or they are the wrong way round, this is one character at the most.
  const candidate = greeting.slice(greeting.indexOf("<"), greeting.lastIndexOf(">") + 1);
  return TIMESTAMP.test(candidate) ? candidate : undefined;
}

/**
 * The digest that APOP sends: MD5 of the timestamp, angle brackets included, and the secret, in lower-case
 * hexadecimal (RFC 1939 section 7).
 *
 * Throws `POP3_APOP_BAD_CHALLENGE` when `timestamp` is no msg-id in printable ASCII.
 */
export function apopDigest(timestamp: string, secret: string): string {
  if (apopTimestamp(timestamp) !== timestamp) {
    throw new Pop3Error("POP3_APOP_BAD_CHALLENGE", "the timestamp for APOP is no msg-id in printable ASCII");
  }
  return crypto().createHash("md5").update(timestamp, "utf8").update(secret, "utf8").digest("hex");
}
