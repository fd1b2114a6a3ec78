// OAUTHBEARER (RFC 7628): an access token, and whose maildrop it is for.
import { bearerExchange } from "./bearer-token.ts";
import type { SaslMechanism } from "./mechanism.ts";
import { plainText } from "./plain-text.ts";

export const oauthBearer: SaslMechanism = {
  name: "OAUTHBEARER",
  cleartext: true,
  // Who the client is stands in the token alone, so the user name goes where the authorization identity has its
  // place. There is none for another.
  authzid: false,
  secret: "token",
  start({ user, accessToken }, { host, port }) {
    const name = saslName(plainText("the user name", user));
    const header = name === "" ? "n,," : `n,a=${name},`;
    const before = `${header}\x01host=${host}\x01port=${port}\x01auth=Bearer `;
    return bearerExchange(accessToken, [before, "\x01\x01"], Buffer.of(1));
  },
};

/** RFC 5801 section 4: a comma would end the name. */
function saslName(name: string): string {
  return name.replaceAll("=", "=3D").replaceAll(",", "=2C");
}
