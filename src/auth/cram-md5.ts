// CRAM-MD5 (RFC 2195): a keyed digest of the server's challenge. It proves nothing of the server, and MD5 is old.
import { Pop3Error } from "../errors.ts";
import { crypto } from "./crypto.ts";
import type { SaslMechanism } from "./mechanism.ts";
import { plainText } from "./plain-text.ts";

// RFC 2195 asks for a msg-id, and servers are free with its grammar. Its characters are insisted on: who may have
// other octets digested with the password can choose what digests in other protocols are made of.
const CHALLENGE = /^[!-~]+$/;

export const cramMd5: SaslMechanism = {
  name: "CRAM-MD5",
  cleartext: false,
  authzid: false,
  start({ user, pass }) {
    plainText("the user name", user);
    // HMAC fills a key up with NULs: a password that ends in one would be the password without it.
    if (pass.includes("\0")) throw new Pop3Error("POP3_INVALID_ARGUMENT", "the password has a NUL in it");
    let challenged = false;
    return {
      respond(challenge) {
        if (challenged) throw new Pop3Error("POP3_AUTH_PROTOCOL", "CRAM-MD5 has one challenge");
        challenged = true;
        if (!CHALLENGE.test(challenge.toString("latin1"))) {
          throw new Pop3Error("POP3_AUTH_PROTOCOL", "the challenge of CRAM-MD5 has no msg-id's characters");
        }
        const digest = crypto().createHmac("md5", Buffer.from(pass, "utf8")).update(challenge).digest("hex");
        return Buffer.from(`${user} ${digest}`, "utf8");
      },
    };
  },
};
