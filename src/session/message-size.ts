// The sizes of messages: what is assumed if LIST does not say it, and what fits into memory.
import { constants } from "node:buffer";
import { Pop3Error, Pop3ProtocolError } from "../errors.ts";

/** The size that is assumed for a message of unknown size, to count it against the window; octets. */
const ASSUMED_SIZE = 64 * 1024;
/** The sizes that are assumed for TOP: the headers, and each line of the body; octets. */
const ASSUMED_HEADERS = 16 * 1024;
const ASSUMED_LINE = 80;

/** Returns the octets that a message counts against the window. */
export function announcedOctets(size: number | undefined, top?: number): number {
  const whole = size ?? ASSUMED_SIZE;
  return top === undefined ? whole : Math.min(whole, ASSUMED_HEADERS + top * ASSUMED_LINE);
}

/** Returns the limit, but at most the size of the largest Buffer in Node. */
export function largestMessage(limit: number): number {
  return Math.min(limit, constants.MAX_LENGTH);
}

/** Creates the error for a message that exceeds the limit while it is read: the connection is closed. */
export function messageTooLarge(limit: number): Pop3ProtocolError {
  return new Pop3ProtocolError("POP3_MESSAGE_TOO_LARGE", tooLarge(limit));
}

/**
 * Creates the error for a message that LIST announced as too large: `command` is not sent, the session
 * continues.
 */
export function messageKnownTooLarge(limit: number, command: string): Pop3Error {
  return new Pop3Error("POP3_MESSAGE_TOO_LARGE", tooLarge(limit), { command });
}

function tooLarge(limit: number): string {
  return `the message is larger than the limit of ${String(limit)} bytes; read it as a stream, or raise limits.message`;
}
