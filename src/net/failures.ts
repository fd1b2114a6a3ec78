// The errors that end a connection, in the words that callers read.
import {
  Pop3AbortError,
  Pop3ConnectionError,
  Pop3Error,
  Pop3ProtocolError,
  type Pop3ErrorCode,
} from "../errors.ts";
import type { Command } from "../protocol/commands.ts";
import { printableLine } from "../protocol/reply.ts";

/** Why the session's own signal is aborted: it has ended, by a failure or by `close`. */
export class SessionEnd {
  readonly failure: Pop3Error;

  constructor(failure: Pop3Error = sessionOver()) {
    this.failure = failure;
  }
}

/** What a call gets whose signal was aborted: by the caller, or by the end of the session. */
export function aborted({ reason }: AbortSignal, command?: string): Pop3Error {
  if (!(reason instanceof SessionEnd)) return new Pop3AbortError(reason, command);
  return command === undefined ? reason.failure : reason.failure.forCommand(command);
}

/** Throws what {@link aborted} gives, where `signal` is aborted already. */
export function throwIfAborted(signal: AbortSignal | undefined, command?: string): void {
  if (signal?.aborted === true) throw aborted(signal, command);
}

/** Behind QUIT or `close()`. */
export function sessionOver(): Pop3ConnectionError {
  return new Pop3ConnectionError("POP3_CLOSED", "the session has ended");
}

export function serverClosed(): Pop3ConnectionError {
  return new Pop3ConnectionError("POP3_CLOSED", "the server closed the connection");
}

export function truncated(): Pop3ConnectionError {
  return new Pop3ConnectionError("POP3_TRUNCATED", "the server closed the connection within a response");
}

/** What the socket itself reports. */
export function streamFailed(cause: NodeJS.ErrnoException): Pop3ConnectionError {
  return cause.code === "ECONNRESET" || cause.code === "EPIPE"
    ? new Pop3ConnectionError("POP3_RESET", "the connection was reset", { cause })
    : new Pop3ConnectionError("POP3_CLOSED", `the connection failed: ${cause.message}`, { cause });
}

/** Octets came that no command accounts for, behind the reply to `last`. */
export function unsolicited(
  last: Command<unknown> | undefined,
  octets: Buffer,
  secrets: readonly string[],
): Pop3Error {
  if (last?.printable === "STLS") return injected();
  return new Pop3ProtocolError(
    "POP3_UNSOLICITED",
    `the server sent ${String(octets.length)} octets that nothing asked for, behind ${last?.printable ?? "the TLS handshake"}: "${printableLine(octets, secrets)}"`,
  );
}

export function injected(): Pop3ConnectionError {
  return new Pop3ConnectionError(
    "POP3_TLS_INJECTION",
    "the server sent octets in clear behind its reply to STLS",
  );
}

/** A response that nobody wants any more could not be read to its end. */
export function givenUp(command: Command<unknown>, cause?: Pop3Error): Pop3ConnectionError {
  return new Pop3ConnectionError(
    "POP3_ABANDONED",
    `${command.printable} was given up in flight, and the rest of its response is too much to read`,
    { cause },
  );
}

/** A line that is not a reply to `command`; `cause`: what it means all the same. */
export function notAReply(
  command: Command<unknown>,
  line: Buffer,
  secrets: readonly string[],
  cause?: Pop3Error,
): Pop3ProtocolError {
  return new Pop3ProtocolError(
    command.refused === "POP3_GREETING_REJECTED" ? "POP3_BAD_GREETING" : "POP3_PROTOCOL",
    `not a reply to ${command.printable}: "${printableLine(line, secrets)}"`,
    { cause },
  );
}

/** The reply to a command that was sent after `command` stands in the message that answers it. */
export function mixedReplies(command: Command<unknown>): Pop3ProtocolError {
  return new Pop3ProtocolError(
    "POP3_PROTOCOL",
    `the server wrote the reply to a later command into the message of ${command.printable}: it lists PIPELINING and does not answer in order`,
  );
}

/** Failures by which a server may show that it cannot take several commands at once. */
const BROKEN_PIPELINE: ReadonlySet<Pop3ErrorCode> = new Set([
  "POP3_PROTOCOL",
  "POP3_UNSOLICITED",
  "POP3_LINE_TOO_LONG",
  "POP3_RESET",
  "POP3_COMMAND_TIMEOUT",
  "POP3_IDLE_TIMEOUT",
]);

/** Whether a failure is the server's, and may not have come with one command in flight. */
export function breaksPipeline({ code }: Pop3Error, closedByPeer: boolean): boolean {
  return closedByPeer || BROKEN_PIPELINE.has(code);
}

/** Framed right, and wrong in content: the call fails, the session lives. */
export function isContentError(error: unknown): error is Pop3Error {
  return Pop3Error.is(error) && (error.code === "POP3_BAD_RESPONSE" || error.code === "POP3_BAD_LISTING");
}
