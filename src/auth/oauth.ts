// OAUTHBEARER (RFC 7628) and XOAUTH2 (of Google and Microsoft): log in with an OAuth2 access token. The client
// sends one message with the token; then comes success, or one challenge with the reason of the refusal.
import { Pop3Error, type OAuthRefusal } from "../errors.ts";
import type { SaslContext, SaslExchange, SaslMechanism } from "./mechanism.ts";
import { plainText } from "./message.ts";

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

/** Escapes a name (RFC 5801 section 4): a comma would end it. */
function saslName(name: string): string {
  return name.replaceAll("=", "=3D").replaceAll(",", "=2C");
}

// RFC 6750 section 2.1 allows fewer characters (b64token). Providers do not keep to that, and these
// characters cannot end a field of the message.
const TOKEN = /^[!-~]+$/;

/**
 * Starts the exchange. `message`: the text before and after the token. `acknowledgement`: the response to a
 * refusal; the server waits for it before it sends `-ERR`. `printable`: makes the reason of a refusal safe to
 * show. Throws `POP3_INVALID_ARGUMENT` if the token is invalid.
 */
function bearerExchange(
  token: string,
  message: readonly [before: string, after: string],
  acknowledgement: Buffer,
  printable: SaslContext["printable"],
): SaslExchange {
  if (!TOKEN.test(token)) {
    throw new Pop3Error(
      "POP3_INVALID_ARGUMENT",
      "the access token must be a non-empty string of printable ASCII without spaces",
    );
  }
  const initial = Buffer.from(message.join(token), "utf8");
  let again = true;
  let refusal: OAuthRefusal | undefined;
  return {
    initial,
    get refusal() {
      return refusal;
    },
    respond(challenge) {
      if (refusal !== undefined) {
        throw new Pop3Error(
          "POP3_AUTH_PROTOCOL",
          "unexpected challenge: the server has already refused the access token",
        );
      }
      // The server has ignored the initial response: send it once more. An empty challenge is not a refusal.
      if (challenge.length === 0 && again) {
        again = false;
        return initial;
      }
      refusal = parseRefusal(challenge, printable);
      return acknowledgement;
    },
  };
}

/** The names on the wire and in our type. XOAUTH2 has `schemes`, OAUTHBEARER has `openid-configuration`. */
const FIELDS = [
  ["status", "status"],
  ["scope", "scope"],
  ["schemes", "schemes"],
  ["openid-configuration", "openidConfiguration"],
] as const;

/**
 * Parses the reason of a refusal: JSON in a challenge (RFC 7628 section 3.2.2). Returns its known members, each
 * made safe to show by `printable`. Never throws: a challenge that it cannot read gives an empty reason.
 */
export function parseRefusal(challenge: Buffer, printable: SaslContext["printable"]): OAuthRefusal {
  let said: unknown;
  try {
    said = JSON.parse(challenge.toString("utf8"));
  } catch {
    return {};
  }
  if (typeof said !== "object" || said === null) return {};
  const refusal: { -readonly [field in keyof OAuthRefusal]: OAuthRefusal[field] } = {};
  for (const [name, field] of FIELDS) {
    const value = (said as Readonly<Record<string, unknown>>)[name];
    if (typeof value === "string") refusal[field] = printable(value);
  }
  return refusal;
}
