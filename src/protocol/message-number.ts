// Message numbers: 1 and up, without gaps when the session begins (RFC 1939 section 5).
import { Pop3Error } from "../errors.ts";
import { shown } from "./printable.ts";

export function isMessageNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** Formats a message number. Throws `POP3_INVALID_ARGUMENT` if it is not one. */
export function messageNumber(message: number): string {
  if (!isMessageNumber(message))
    throw new Pop3Error(
      "POP3_INVALID_ARGUMENT",
      `the message number must be an integer >= 1 (got ${shown(message)})`,
    );
  return String(message);
}
