// Parses the first line of a reply: `+OK`, `-ERR` or `+`, an optional response code, and text (RFC 1939
// section 3).
import { isUtf8 } from "node:buffer";
import { printable } from "./printable.ts";
import type { Secrets } from "./secrets.ts";

export interface Reply {
  /** `ok` and `err` complete a command; `continue` is a challenge (RFC 5034 section 4). */
  readonly status: "ok" | "err" | "continue";
  /** The extended response code in upper case, without its brackets (RFC 2449 section 8). */
  readonly responseCode?: string;
  /** The text after the status and the response code, decoded as UTF-8 if valid, otherwise as Latin-1. */
  readonly text: string;
}

const PLUS = 43;
const SPACE = 32;

// RFC 2449 section 3: resp-code = "[" resp-level *("/" resp-level) "]".
const RESPONSE_CODE = /^\[([!-.0-\\^-~]+(?:\/[!-.0-\\^-~]+)*)\] ?/;

/**
 * Parses a status line without its CRLF. Returns `undefined` if it is not one. The status must be in upper
 * case, and a space or the end of the line must follow. `+OKAY`, `+ERR` and `-err` are not replies. `secrets`
 * are masked before the response code is read: for a reply that is shown, not for one that a program uses.
 */
export function parseReply(line: Buffer, secrets?: Secrets): Reply | undefined {
  const status = replyStatus(line);
  if (status === undefined) return undefined;
  const skip = status === "continue" ? 2 : status === "ok" ? 4 : 5;
  const sent = decodeText(line.subarray(skip));
  const text = secrets === undefined ? sent : secrets.mask(sent);
  if (status === "continue" || text.charCodeAt(0) !== 0x5b) return { status, text };
  const code = RESPONSE_CODE.exec(text);
  if (code === null) return { status, text };
  return { status, responseCode: (code[1] as string).toUpperCase(), text: text.slice(code[0].length) };
}

/** Parses only the status of a line, for replies whose text is not used. */
export function replyStatus(line: Buffer): Reply["status"] | undefined {
  if (line[0] === PLUS) {
    if (endsAt(line, 1)) return "continue";
    return line[1] === 79 && line[2] === 75 && endsAt(line, 3) ? "ok" : undefined;
  }
  return line[0] === 45 && line[1] === 69 && line[2] === 82 && line[3] === 82 && endsAt(line, 4)
    ? "err"
    : undefined;
}

function endsAt(line: Buffer, length: number): boolean {
  return line.length === length || line[length] === SPACE;
}

/** Decodes the text of a peer as UTF-8 if it is valid (RFC 6856), otherwise as Latin-1. Never throws. */
export function decodeText(octets: Buffer): string {
  return isUtf8(octets) ? octets.toString("utf8") : octets.toString("latin1");
}

/** Formats a line or other octets for an error: escapes and cuts them, and masks `secrets`. */
export function printableLine(line: Buffer, secrets?: Secrets): string {
  return printable(decodeText(line.subarray(0, 64 * 1024)), secrets);
}
