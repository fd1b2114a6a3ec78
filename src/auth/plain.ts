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
    // Where the server took no initial response, its challenge is empty, and some write words there.
    return { initial: message, promptsOnly: true, respond: () => message };
  },
};
