// PLAIN (RFC 4616): authorization identity, user and password in one message.
import { Pop3Error } from "../errors.ts";
import type { SaslMechanism } from "./mechanism.ts";
import { oneMessage } from "./one-message.ts";

export const plain: SaslMechanism = {
  name: "PLAIN",
  cleartext: true,
  start({ user, pass, authzid, encode }) {
    if (`${authzid}${user}${pass}`.includes("\0")) {
      throw new Pop3Error("POP3_INVALID_ARGUMENT", "the user name or the password has a NUL in it");
    }
    return oneMessage(encode(`${authzid}\0${user}\0${pass}`), true);
  },
};
