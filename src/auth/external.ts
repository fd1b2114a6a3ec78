// EXTERNAL (RFC 4422 appendix A): the client's TLS certificate proves its identity.
import type { SaslMechanism } from "./mechanism.ts";
import { oneMessage, plainText } from "./message.ts";

export const external: SaslMechanism = {
  name: "EXTERNAL",
  cleartext: false,
  secret: "none",
  start({ user, authzid }) {
    // An empty message would let the server take the identity from the certificate. We name the user anyway:
    // if the certificate belongs to another user, the server refuses the login and does not open that user's
    // maildrop.
    const actFor = plainText("the user name or the authorization identity", authzid || user);
    return oneMessage(Buffer.from(actFor));
  },
};
