// What goes into the fields of a message: no character that could end a field, or stand for another one.
import { Pop3Error } from "../errors.ts";

// Control characters are what mechanisms separate their fields with; half of a surrogate pair has no UTF-8.
const UNSENDABLE = /[\p{Cc}\p{Cs}]/u;

/** `text` as it is. Throws `POP3_INVALID_ARGUMENT`, which names `what` and not the text. */
export function plainText(what: string, text: string): string {
  if (UNSENDABLE.test(text)) {
    throw new Pop3Error("POP3_INVALID_ARGUMENT", `${what} has characters in it that cannot be sent`);
  }
  return text;
}
