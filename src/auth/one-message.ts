// The exchange of a mechanism with a single message from the client; a challenge carries no information.
import { Pop3Error } from "../errors.ts";
import type { SaslExchange } from "./mechanism.ts";

/**
 * `promptsOnly`: some servers send a text instead of an empty challenge to ask for the message; ignore the
 * text.
 */
export function oneMessage(message: Buffer, promptsOnly = false): SaslExchange {
  let again = true;
  return {
    initial: message,
    promptsOnly,
    respond(challenge) {
      if (challenge.length > 0 && !promptsOnly) {
        throw new Pop3Error("POP3_AUTH_PROTOCOL", "unexpected challenge: this mechanism has none");
      }
      // Send it again only once: a server may have ignored the initial response. More challenges make no
      // sense.
      if (!again)
        throw new Pop3Error("POP3_AUTH_PROTOCOL", "unexpected challenge: the server already has the message");
      again = false;
      return message;
    },
  };
}
