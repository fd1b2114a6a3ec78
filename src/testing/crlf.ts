// Makes a message of lines as a test writes them.
import { argumentError, checkString } from "../options/checks.ts";

/**
 * Returns `text` with CRLF at the end of each line, as a message needs it: LF alone becomes CRLF, and the last line gets
 * one. For template literals, whose lines end with LF. Throws `POP3_INVALID_ARGUMENT` if it is not a string.
 *
 * @example
 * ```ts
 * const message = crlf(`Subject: hello
 *
 * Hello.`);
 * ```
 */
export function crlf(text: string): string {
  checkString("text", text, argumentError);
  const lines = text.replaceAll(/\r\n|\n/g, "\r\n");
  return lines === "" || lines.endsWith("\r\n") ? lines : `${lines}\r\n`;
}
