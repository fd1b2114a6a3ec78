// PLAIN (RFC 4616): authorization identity, user and password in one message.
import { Pop3Error } from "../errors.ts";
import type { SaslMechanism } from "./mechanism.ts";

export const plain: SaslMechanism = {
  name: "PLAIN",
  cleartext: true,
  start({ user, pass, authzid }) {
    if (`${authzid}${user}${pass}`.includes("\0")) {
      throw new Pop3Error("POP3_INVALID_ARGUMENT", "the user name or the password has a NUL in it");
    }
    const message = Buffer.from(`${authzid}\0${user}\0${pass}`, "utf8");
    let again = true;
    return {
      initial: message,
      // Where the server took no initial response, its challenge is empty, and some write words there.
      promptsOnly: true,
      respond() {
        // Once: a server may have overlooked the initial response. Asking on and on has no meaning.
        if (!again)
          throw new Pop3Error("POP3_AUTH_PROTOCOL", "the server asks for the password again and again");
        again = false;
        return message;
      },
    };
  },
};
