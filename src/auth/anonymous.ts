// ANONYMOUS (RFC 4505): nobody in particular; what is said of the client is for the server's log.
import { Pop3Error } from "../errors.ts";
import type { SaslMechanism } from "./mechanism.ts";
import { oneMessage } from "./one-message.ts";

/** The most characters of an opaque token (RFC 4505 section 2); an address is held to it too. */
const LONGEST = 255;

// What the profile "trace" prohibits (RFC 4505 section 3): what cannot be seen, or moves what can be.
const PROHIBITED =
  /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}\u0340\u0341\ufffc\ufffd]/u;

/** The user name is the trace: an address, or a token that means something to whoever runs the client. */
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
        `ANONYMOUS takes a user name of 1 to ${LONGEST} characters that can be seen`,
      );
    }
    return oneMessage(Buffer.from(user, "utf8"));
  },
};
