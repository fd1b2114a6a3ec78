// CRAM-MD5 (RFC 2195): sends a keyed digest of the server's challenge. Obsolete: it uses MD5 and does not
// authenticate the server.
import { Pop3Error } from "../errors.ts";
import { crypto } from "../system/crypto.ts";
import type { SaslMechanism } from "./mechanism.ts";
import { plainText } from "./message.ts";

// RFC 2195 requires a msg-id, but servers do not keep to its grammar. We require its characters: a server
// that may send any octets could make us sign the challenge of another protocol.
const CHALLENGE = /^[!-~]+$/;

export const cramMd5: SaslMechanism = {
  name: "CRAM-MD5",
  cleartext: false,
  authzid: false,
  start({ user, pass }) {
    plainText("the user name", user);
    // HMAC pads a key with NUL: a password with a NUL at its end would be equal to the password without it.
    if (pass.includes("\0"))
      throw new Pop3Error("POP3_INVALID_ARGUMENT", "the password must not contain NUL");
    let challenged = false;
    return {
      respond(challenge) {
        if (challenged)
          throw new Pop3Error("POP3_AUTH_PROTOCOL", "unexpected challenge: CRAM-MD5 has only one");
        challenged = true;
        if (!CHALLENGE.test(challenge.toString("latin1"))) {
          throw new Pop3Error(
            "POP3_AUTH_PROTOCOL",
            "the challenge of CRAM-MD5 must be printable ASCII without spaces",
          );
        }
        const digest = crypto().createHmac("md5", Buffer.from(pass, "utf8")).update(challenge).digest("hex");
        return Buffer.from(`${user} ${digest}`, "utf8");
      },
    };
  },
};
