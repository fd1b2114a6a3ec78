// What the process ends with: the codes of sysexits.h, so that a script can tell what to do next.
import { Pop3Error } from "../errors.ts";
import { FetchError } from "../fetch/index.ts";
import { temporaryCause } from "../retry.ts";
import { AccountError } from "./explain.ts";
import { ConfigurationError, UsageError } from "./usage.ts";

export const EXIT = {
  /** Done, with or without mail. */
  ok: 0,
  /** Some accounts failed, others did not. */
  some: 1,
  usage: 64,
  /** All was done, but there are messages that are left alone after their tries. */
  leftAlone: 65,
  /** No server, or none that speaks POP3, or not as safely as it should. */
  unavailable: 69,
  /** What was not to happen. */
  software: 70,
  /** The destination cannot be written. */
  destination: 73,
  /** The ledger cannot be read or written. */
  io: 74,
  /** Try later. */
  later: 75,
  authentication: 77,
  configuration: 78,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The exit code that an error asks for. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof AccountError) return exitCodeOf(error.cause);
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof ConfigurationError) return EXIT.configuration;
  if (!Pop3Error.is(error)) return exitCodeOfSystem(error);
  const { code } = error;
  const cause = error instanceof FetchError ? error.cause : error;
  // It was asked for in the run, as a password is.
  if (cause instanceof UsageError || cause instanceof ConfigurationError) return exitCodeOf(cause);
  if (code === "POP3_DESTINATION") return EXIT.destination;
  if (code === "POP3_LEDGER") return EXIT.io;
  if (code === "POP3_CONFIG" || code === "POP3_INVALID_ARGUMENT") return EXIT.configuration;
  const later = code === "POP3_MAILBOX_BUSY" || code === "POP3_ABORTED";
  if (later || isRefusedForNow(cause)) return EXIT.later;
  if (/^POP3_(?:AUTH_(?!PROTOCOL)|SCRAM_|APOP_)/.test(code)) return EXIT.authentication;
  return EXIT.unavailable;
}

/** What the system says no to is a port to listen at, or a file that was to be written: `get --output`. */
function exitCodeOfSystem(error: unknown): ExitCode {
  const syscall = error instanceof Error ? (error as NodeJS.ErrnoException).syscall : undefined;
  if (syscall === undefined) return EXIT.software;
  return syscall === "listen" ? EXIT.unavailable : EXIT.destination;
}

/** The server was there, and refused for now. */
function isRefusedForNow(error: unknown): boolean {
  const cause = temporaryCause(error);
  return cause !== undefined && cause !== "network" && cause !== "busy";
}
