// A reply is its first line: `+OK`, `-ERR` or `+`, perhaps a response code, and text (RFC 1939 section 3).
import { isUtf8 } from "node:buffer";
import { printable } from "./printable.ts";

export interface Reply {
  /** `ok` and `err` finish a command, `continue` is a challenge (RFC 5034 section 4). */
  readonly status: "ok" | "err" | "continue";
  /** The extended response code in upper case, without its brackets (RFC 2449 section 8). */
  readonly responseCode?: string;
  /** What follows the status and the response code: UTF-8 where it is valid UTF-8, else Latin-1. */
  readonly text: string;
}

const PLUS = 43;
const SPACE = 32;

// RFC 2449 section 3: resp-code = "[" resp-level *("/" resp-level) "]".
const RESPONSE_CODE = /^\[([!-.0-\\^-~]+(?:\/[!-.0-\\^-~]+)*)\] ?/;

/**
 * Reads a status line (without CRLF), or returns `undefined` for what is none. The status is taken to the
 * letter: upper case, and followed by a space or by nothing. `+OKAY`, `+ERR` and `-err` are no replies.
 */
export function parseReply(line: Buffer): Reply | undefined {
  const status = replyStatus(line);
  if (status === undefined) return undefined;
  const skip = status === "continue" ? 2 : status === "ok" ? 4 : 5;
  const text = decodeText(line.subarray(skip));
  if (status === "continue" || text.charCodeAt(0) !== 0x5b) return { status, text };
  const code = RESPONSE_CODE.exec(text);
  if (code === null) return { status, text };
  return { status, responseCode: (code[1] as string).toUpperCase(), text: text.slice(code[0].length) };
}

/** The status of a line alone, for replies whose text nobody reads. */
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

/** Text of a peer: UTF-8 where it is valid (RFC 6856), else octet by octet as Latin-1. Never throws. */
export function decodeText(octets: Buffer): string {
  return isUtf8(octets) ? octets.toString("utf8") : octets.toString("latin1");
}

/** A status line or a piece of garbage, for a message: escaped and cut, without the secrets that it repeats. */
export function printableLine(line: Buffer, secrets?: readonly string[]): string {
  return printable(decodeText(line.subarray(0, 64 * 1024)), secrets);
}
