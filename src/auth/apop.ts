// APOP (RFC 1939 section 7): sends a digest of the greeting's timestamp and the secret. Obsolete: MD5 is
// broken.
import { Pop3Error } from "../errors.ts";
import { printable, typeOf } from "../protocol/printable.ts";
import { crypto } from "../system/crypto.ts";

// A msg-id of RFC 822, as RFC 1939 requires: printable ASCII, one "@", no space. Collision attacks on MD5
// need octets that a msg-id cannot have (CVE-2007-1558). It is at most as long as a greeting line. It is
// matched in linear time.
const TIMESTAMP = /^(?=.{5,250}$)<[!-;=?A-~]+@[!-;=?A-~]+>$/;

/**
 * Returns the timestamp of a greeting with its angle brackets. Returns `undefined` if the greeting has no
 * timestamp that can be trusted: not a msg-id in printable ASCII, or more than one candidate.
 */
export function apopTimestamp(greeting: string): string | undefined {
  // If a bracket is missing, or the brackets are in the wrong order, the candidate has at most one character.
  const candidate = greeting.slice(greeting.indexOf("<"), greeting.lastIndexOf(">") + 1);
  return TIMESTAMP.test(candidate) ? candidate : undefined;
}

/**
 * Returns the digest for APOP: the MD5 of the timestamp, with its angle brackets, and the secret, in
 * lower-case hexadecimal (RFC 1939 section 7).
 *
 * Throws `POP3_APOP_BAD_CHALLENGE` if `timestamp` is not a msg-id in printable ASCII.
 *
 * @example
 * ```ts
 * // The example of RFC 1939: c4c9334bac560ecc979e58001b3e22fb
 * console.log(apopDigest("<1896.697170952@dbc.mtview.ca.us>", "tanstaaf"));
 * ```
 */
export function apopDigest(timestamp: string, secret: string): string {
  for (const [what, value] of Object.entries({ timestamp, secret }))
    if (typeof value !== "string")
      throw new Pop3Error(
        "POP3_INVALID_ARGUMENT",
        `${printable(what)} must be a string (got ${typeOf(value)})`,
      );
  if (apopTimestamp(timestamp) !== timestamp) {
    throw new Pop3Error(
      "POP3_APOP_BAD_CHALLENGE",
      "the timestamp for APOP must be a msg-id in printable ASCII, such as <1896.697170952@example.org>",
    );
  }
  return crypto().createHash("md5").update(timestamp).update(secret).digest("hex");
}
