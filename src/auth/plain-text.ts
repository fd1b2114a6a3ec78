// Checks a text for a field of a message: it must not have a character that could end the field.
import { Pop3Error } from "../errors.ts";

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
