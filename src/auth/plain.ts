// PLAIN (RFC 4616): sends authorization identity, user name and password in one message.
import { Pop3Error } from "../errors.ts";
import type { SaslMechanism } from "./mechanism.ts";
import { oneMessage } from "./message.ts";

export const plain: SaslMechanism = {
  name: "PLAIN",
  cleartext: true,
  start({ user, pass, authzid, encode }) {
    if (`${authzid}${user}${pass}`.includes("\0")) {
      throw new Pop3Error(
        "POP3_INVALID_ARGUMENT",
        "user name, password and authorization identity must not contain NUL",
      );
    }
    return oneMessage(encode(`${authzid}\0${user}\0${pass}`), true);
  },
};
