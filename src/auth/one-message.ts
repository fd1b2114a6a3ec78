// The exchange of a mechanism whose client says all there is in one message: no challenge has anything to tell it.
import { Pop3Error } from "../errors.ts";
import type { SaslExchange } from "./mechanism.ts";

/** `promptsOnly`: whether some servers write words where the message was not sent along, and the challenge is empty. */
export function oneMessage(message: Buffer, promptsOnly = false): SaslExchange {
  let again = true;
  return {
    initial: message,
    promptsOnly,
    respond(challenge) {
      if (challenge.length > 0 && !promptsOnly) {
        throw new Pop3Error("POP3_AUTH_PROTOCOL", "a challenge, where the mechanism has none");
      }
      // Once: a server may have overlooked the initial response. Asking on and on has no meaning.
      if (!again) throw new Pop3Error("POP3_AUTH_PROTOCOL", "the server asks again for what it was told");
      again = false;
      return message;
    },
  };
}
