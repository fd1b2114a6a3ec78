// Creates the errors that end a connection. All of their messages are in this file. `server` is its host and port.
import {
  Pop3AbortError,
  Pop3ConnectionError,
  Pop3Error,
  Pop3ProtocolError,
  type Pop3ConnectionErrorCode,
  type Pop3ErrorCode,
} from "../errors.ts";
import type { Command } from "../protocol/commands.ts";
import { foreignError } from "../protocol/foreign-error.ts";
import { printable } from "../protocol/printable.ts";
import { printableLine } from "../protocol/reply.ts";
import type { Secrets } from "../protocol/secrets.ts";

/** The abort reason of the session's own signal: the session has ended, after a failure or by `close`. */
export class SessionEnd {
  readonly failure: Pop3Error;

  constructor(failure: Pop3Error = sessionOver()) {
    this.failure = failure;
  }
}

/** Returns the error of a call whose signal was aborted, by the caller or by the end of the session. */
export function aborted({ reason }: AbortSignal, command?: string): Pop3Error {
  if (!(reason instanceof SessionEnd)) return new Pop3AbortError(reason, command);
  return command === undefined ? reason.failure : reason.failure.forCommand(command);
}

/** Throws the error of {@link aborted}, if `signal` is aborted already. */
export function throwIfAborted(signal: AbortSignal | undefined, command?: string): void {
  if (signal?.aborted === true) throw aborted(signal, command);
}

/** Returns the error of calls after QUIT or `close()`. */
export function sessionOver(): Pop3ConnectionError {
  return new Pop3ConnectionError("POP3_CLOSED", "the session has ended: connect again, with a new client");
}

export function serverClosed(server: string): Pop3ConnectionError {
  return new Pop3ConnectionError("POP3_CLOSED", `${printable(server)} closed the connection`);
}

export function truncated(server: string): Pop3ConnectionError {
  return new Pop3ConnectionError(
    "POP3_TRUNCATED",
    `${printable(server)} closed the connection in the middle of a response`,
  );
}

/** The parts of the error when a deadline has passed. */
export interface Expiry {
  readonly code: Pop3ConnectionErrorCode;
  /** The option that sets the deadline. */
  readonly limit: string;
  /** The end of the message, about the thing that was waited for: "it took longer than 60000 ms". */
  readonly why: string;
}

/** Reports that a wait for `what` took too long. */
export function timedOut(server: string, { code, limit, why }: Expiry, what: string): Pop3ConnectionError {
  return new Pop3ConnectionError(
    code,
    `the connection to ${printable(server)} timed out while waiting for ${what}: ${why} (${limit})`,
    { limit },
  );
}

/** Converts an `error` event of the socket. */
export function streamFailed(
  server: string,
  error: NodeJS.ErrnoException,
  secrets: Secrets,
): Pop3ConnectionError {
  const cause = foreignError(error, secrets);
  const connection = `the connection to ${printable(server)}`;
  return error.code === "ECONNRESET" || error.code === "EPIPE"
    ? new Pop3ConnectionError("POP3_RESET", `${connection} was reset`, { cause })
    : new Pop3ConnectionError("POP3_CLOSED", `${connection} failed: ${printable(error.message, secrets)}`, {
        cause,
      });
}

/** Reports octets that belong to no command. They came after the reply to `last`. */
export function unsolicited(
  server: string,
  last: Command<unknown> | undefined,
  octets: Buffer,
  secrets: Secrets,
): Pop3Error {
  if (last?.printable === "STLS") return injected(server);
  return new Pop3ProtocolError(
    "POP3_UNSOLICITED",
    `${printable(server)} sent ${String(octets.length)} unexpected bytes after ${last?.printable ?? "the TLS handshake"}: "${printableLine(octets, secrets)}"`,
    { command: last?.printable },
  );
}

export function injected(server: string): Pop3ConnectionError {
  return new Pop3ConnectionError(
    "POP3_TLS_INJECTION",
    `${printable(server)} sent unencrypted bytes after its reply to STLS; an attacker may have injected them`,
  );
}

/** Reports that the response to an aborted call cannot be read to its end. */
export function givenUp(server: string, command: Command<unknown>, cause?: Pop3Error): Pop3ConnectionError {
  return new Pop3ConnectionError(
    "POP3_ABANDONED",
    `${command.printable} was aborted before its response was complete, and the session with ${printable(server)} cannot continue without it`,
    { cause },
  );
}

/** Reports a line that is not a reply to `command`. `cause`: the refusal that the line probably means. */
export function notAReply(
  command: Command<unknown>,
  line: Buffer,
  secrets: Secrets,
  cause?: Pop3Error,
): Pop3ProtocolError {
  return new Pop3ProtocolError(
    command.refused === "POP3_GREETING_REJECTED" ? "POP3_BAD_GREETING" : "POP3_PROTOCOL",
    `not a reply to ${command.printable}: "${printableLine(line, secrets)}"`,
    { cause },
  );
}

/** Reports that the message of `command` contains the reply to a later command. */
export function mixedReplies(command: Command<unknown>): Pop3ProtocolError {
  return new Pop3ProtocolError(
    "POP3_PROTOCOL",
    `the server wrote the reply to a later command into the message of ${command.printable}: it lists PIPELINING and does not answer in order`,
  );
}

/** The failures that may mean that the server does not support several commands in flight. */
const BROKEN_PIPELINE: ReadonlySet<Pop3ErrorCode> = new Set([
  "POP3_PROTOCOL",
  "POP3_UNSOLICITED",
  "POP3_LINE_TOO_LONG",
  "POP3_RESET",
  "POP3_COMMAND_TIMEOUT",
  "POP3_IDLE_TIMEOUT",
]);

/** Tests whether the server caused a failure that pipelining may explain. */
export function breaksPipeline({ code }: Pop3Error, closedByPeer: boolean): boolean {
  return closedByPeer || BROKEN_PIPELINE.has(code);
}

/** Tests for wrong content in a correctly framed response: the call fails, and the session continues. */
export function isContentError(error: unknown): error is Pop3Error {
  return Pop3Error.is(error) && (error.code === "POP3_BAD_RESPONSE" || error.code === "POP3_BAD_LISTING");
}
