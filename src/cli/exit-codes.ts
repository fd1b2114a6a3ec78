// Chooses the exit code of the process from the codes of sysexits.h, so that a script can decide what to do
// next.
import { Pop3Error } from "../index.ts";
import { DestinationError, FetchError } from "../fetch/index.ts";
import { isRefusedSignIn } from "../fetch/destinations/refused-sign-in.ts";
import { temporaryCause } from "../retry.ts";
import { AccountError, missingSecret } from "./explain.ts";
import { ConfigurationError, NoMessageError, SignInError, UsageError } from "./usage-error.ts";

export const EXIT = {
  /** Success, with or without new mail. */
  ok: 0,
  /** Some accounts failed and others did not, or they failed in different ways. */
  some: 1,
  usage: 64,
  /** The run succeeded, but some messages are left alone: they have used up their tries. */
  leftAlone: 65,
  /** The mailbox has no such message. */
  noMessage: 66,
  /** There is no server, it does not speak POP3, or it does not offer the required security. */
  unavailable: 69,
  /** Internal error (please report it). */
  software: 70,
  /** The destination cannot be written. */
  destination: 73,
  /** The ledger cannot be read or written. */
  io: 74,
  /** A temporary failure: try again later. */
  later: 75,
  authentication: 77,
  configuration: 78,
  /** Ctrl+C at a prompt, as a shell reports it. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Another call is to blame, or the user: this one may succeed later. */
const LATER: ReadonlySet<string> = new Set([
  "POP3_MAILBOX_BUSY",
  "POP3_LEASE_LOST",
  "POP3_HOST_BUSY",
  "POP3_ABORTED",
]);

/** Returns the exit code for an error. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof AccountError) return exitCodeOf(error.cause);
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof ConfigurationError) return EXIT.configuration;
  if (error instanceof SignInError) return EXIT.authentication;
  if (error instanceof NoMessageError) return EXIT.noMessage;
  if (!Pop3Error.is(error)) return exitCodeOfSystem(error);
  const { code } = error;
  const cause = error instanceof FetchError ? error.cause : error;
  const secret = DestinationError.is(cause) ? missingSecret(cause) : undefined;
  if (secret !== undefined) return exitCodeOf(secret);
  // The run itself asks for the secret, so it can fail with one of these errors.
  if (cause instanceof UsageError || cause instanceof ConfigurationError) return exitCodeOf(cause);
  if (code === "POP3_DESTINATION") return isRefusedSignIn(cause) ? EXIT.authentication : EXIT.destination;
  if (code === "POP3_LEDGER") return EXIT.io;
  if (code === "POP3_CONFIG" || code === "POP3_INVALID_ARGUMENT") return EXIT.configuration;
  if (LATER.has(code) || isRefusedForNow(cause)) return EXIT.later;
  if (/^POP3_(?:TOKEN_REFUSED$|AUTH_(?!PROTOCOL)|SCRAM_|APOP_)/.test(code)) return EXIT.authentication;
  return EXIT.unavailable;
}

/**
 * An error of the operating system: `serve` cannot listen at its port, or `get --output` cannot write its
 * file.
 */
function exitCodeOfSystem(error: unknown): ExitCode {
  const syscall = error instanceof Error ? (error as NodeJS.ErrnoException).syscall : undefined;
  if (syscall === undefined) return EXIT.software;
  return /^(?:listen|bind|getaddrinfo)$/.test(syscall) ? EXIT.unavailable : EXIT.destination;
}

/** Whether the server answered, but with a temporary refusal. */
function isRefusedForNow(error: unknown): boolean {
  const cause = temporaryCause(error);
  return cause !== undefined && cause !== "network" && cause !== "busy";
}
