// The exchange of a bearer token (RFC 6750): one message with the token in it, then in or, in one challenge, why not.
import { Pop3Error, type OAuthRefusal } from "../errors.ts";
import type { SaslExchange } from "./mechanism.ts";
import { parseRefusal } from "./oauth-refusal.ts";

// RFC 6750 section 2.1 has fewer characters (b64token). Nobody issues tokens to it, and these can do no harm.
const TOKEN = /^[!-~]+$/;

/**
 * `message`: what goes in front of the token and behind it. `acknowledgement`: the answer to a refusal, without
 * which the server does not come to its `-ERR`. Throws `POP3_INVALID_ARGUMENT` for what can be no token.
 */
export function bearerExchange(
  token: string,
  message: readonly [before: string, behind: string],
  acknowledgement: Buffer,
): SaslExchange {
  if (!TOKEN.test(token)) {
    throw new Pop3Error("POP3_INVALID_ARGUMENT", "the access token is empty, or has no token's characters");
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
          "the server goes on behind its refusal of the access token",
        );
      }
      // The server has overlooked the initial response. It has nothing to say yet, so it says why once it has.
      if (challenge.length === 0 && again) {
        again = false;
        return initial;
      }
      refusal = parseRefusal(challenge, [initial.toString("base64"), token]);
      return acknowledgement;
    },
  };
}
