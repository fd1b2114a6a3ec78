// EXTERNAL (RFC 4422 appendix A): who the client is has been proven already, by the certificate it showed in TLS.
import type { SaslMechanism } from "./mechanism.ts";
import { oneMessage } from "./one-message.ts";
import { plainText } from "./plain-text.ts";

export const external: SaslMechanism = {
  name: "EXTERNAL",
  cleartext: false,
  secret: "none",
  start({ user, authzid }) {
    // Empty: the server takes the identity from the certificate. A user is named all the same: where the certificate
    // is somebody else's, the server refuses, and does not open the maildrop of that one.
    const actFor = plainText("the user name or the authorization identity", authzid || user);
    return oneMessage(Buffer.from(actFor, "utf8"));
  },
};
