// ANONYMOUS (RFC 4505): logs in without an identity, and sends trace information for the server's log.
import { Pop3Error } from "../errors.ts";
import type { SaslMechanism } from "./mechanism.ts";
import { oneMessage } from "./message.ts";

/** The maximum characters of an opaque token (RFC 4505 section 2). We limit an address to the same length. */
const LONGEST = 255;

// The characters that the profile "trace" prohibits (RFC 4505 section 3): invisible ones, and ones that
// reorder text.
const PROHIBITED =
  /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}\u0340\u0341\ufffc\ufffd]/u;

/**
 * Sends the user name as trace information: an email address, or a token that identifies the client's
 * operator.
 */
export const anonymous: SaslMechanism = {
  name: "ANONYMOUS",
  cleartext: false,
  authzid: false,
  secret: "none",
  start({ user }) {
    const characters = Array.from(user).length;
    if (characters === 0 || characters > LONGEST || PROHIBITED.test(user)) {
      throw new Pop3Error(
        "POP3_INVALID_ARGUMENT",
        `the user name for ANONYMOUS must have 1 to ${LONGEST} visible characters`,
      );
    }
    return oneMessage(Buffer.from(user, "utf8"));
  },
};
