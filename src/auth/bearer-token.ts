// The exchange of a bearer token (RFC 6750): one message with the token, then success, or one challenge with
// the reason of the refusal.
import { Pop3Error, type OAuthRefusal } from "../errors.ts";
import type { SaslContext, SaslExchange } from "./mechanism.ts";
import { parseRefusal } from "./oauth-refusal.ts";

// RFC 6750 section 2.1 allows fewer characters (b64token). Providers do not keep to that, and these
// characters cannot end a field of the message.
const TOKEN = /^[!-~]+$/;

/**
 * Starts the exchange. `message`: the text before and after the token. `acknowledgement`: the response to a
 * refusal; the server waits for it before it sends `-ERR`. `printable`: makes the reason of a refusal safe. Throws `POP3_INVALID_ARGUMENT` if the token is
 * invalid.
 */
export function bearerExchange(
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
