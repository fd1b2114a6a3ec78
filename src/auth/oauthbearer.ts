// OAUTHBEARER (RFC 7628): logs in with an OAuth2 access token and the user name.
import { bearerExchange } from "./bearer-token.ts";
import type { SaslMechanism } from "./mechanism.ts";
import { plainText } from "./plain-text.ts";

export const oauthBearer: SaslMechanism = {
  name: "OAUTHBEARER",
  cleartext: true,
  // The token alone proves the identity, so the field of the authorization identity carries the user name.
  // There is no field for another identity.
  authzid: false,
  secret: "token",
  start({ user, accessToken }, { host, port, printable }) {
    const name = saslName(plainText("the user name", user));
    const header = name === "" ? "n,," : `n,a=${name},`;
    const before = `${header}\x01host=${host}\x01port=${port}\x01auth=Bearer `;
    return bearerExchange(accessToken, [before, "\x01\x01"], Buffer.of(1), printable);
  },
};

/** Escapes a name (RFC 5801 section 4): a comma would end it. */
function saslName(name: string): string {
  return name.replaceAll("=", "=3D").replaceAll(",", "=2C");
}
