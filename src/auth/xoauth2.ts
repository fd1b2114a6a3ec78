// XOAUTH2 (of Google and Microsoft): logs in with a user name and an OAuth2 access token.
import { bearerExchange } from "./bearer-token.ts";
import type { SaslMechanism } from "./mechanism.ts";
import { plainText } from "./plain-text.ts";

export const xoauth2: SaslMechanism = {
  name: "XOAUTH2",
  cleartext: true,
  authzid: false,
  secret: "token",
  start({ user, accessToken }, { printable }) {
    const before = `user=${plainText("the user name", user)}\x01auth=Bearer `;
    return bearerExchange(accessToken, [before, "\x01\x01"], Buffer.alloc(0), printable);
  },
};
