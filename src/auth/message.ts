// The messages of a client: checks the texts in them, and carries out a mechanism that has only one.
import { Pop3Error } from "../errors.ts";
import type { SaslExchange } from "./mechanism.ts";

// Mechanisms separate their fields with control characters. A lone surrogate cannot be encoded as UTF-8.
const UNSENDABLE = /[\p{Cc}\p{Cs}]/u;

/**
 * Returns `text` unchanged. Throws `POP3_INVALID_ARGUMENT` if it cannot be sent; the error names only `what`.
 */
export function plainText(what: string, text: string): string {
  if (UNSENDABLE.test(text)) {
    throw new Pop3Error(
      "POP3_INVALID_ARGUMENT",
      `${what} must not contain control characters or lone surrogates`,
    );
  }
  return text;
}

/**
 * Starts an exchange in which the client sends one message, and a challenge carries no information.
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
      // Send it again only once: a server may have ignored the initial response. More challenges are
      // invalid.
      if (!again)
        throw new Pop3Error("POP3_AUTH_PROTOCOL", "unexpected challenge: the server already has the message");
      again = false;
      return message;
    },
  };
}
