// Explains a failure to the user: what happened, and what to do about it.
import { adviceOn, causeCode, type Pop3Attempt as Attempt } from "../advice/explain.ts";
import { fileAdvice } from "../advice/files.ts";
import { Pop3Error } from "../index.ts";
import { DestinationError } from "../fetch/index.ts";
import { ConfigurationError, SignInError, UsageError } from "./usage-error.ts";
import { messageOf } from "../protocol/foreign-error.ts";

export { meaning, type Pop3Attempt as Attempt } from "../advice/explain.ts";

/** A failure, together with the account for which it happened. */
export class AccountError extends Error {
  override readonly name = "AccountError";
  override readonly cause: Pop3Error;
  readonly attempt: Attempt;

  constructor(cause: Pop3Error, attempt: Attempt) {
    super(cause.message, { cause });
    this.cause = cause;
    this.attempt = attempt;
  }
}

/** Returns the lines to print: first the failure, then advice. */
export function explain(error: unknown, attempt: Attempt = {}): string[] {
  if (error instanceof AccountError) return explain(error.cause, error.attempt);
  if (!Pop3Error.is(error)) return [messageOf(error), ...adviceOnSystem(error)];
  if (DestinationError.is(error)) return explainDestination(error);
  return [`${error.message} (${error.code})`, ...adviceOn(error, attempt)];
}

/** The advice about mail servers does not fit: what failed is another server, or a disk. */
function explainDestination(error: DestinationError): string[] {
  const secret = missingSecret(error);
  if (secret !== undefined) {
    const [why = "", ...advice] = explain(secret);
    return [`cannot sign in at the destination: ${why}`, ...advice];
  }
  const advice = UNREACHABLE.has(causeCode(error) ?? "") ? [NO_DESTINATION] : adviceOnSystem(error);
  return [`${error.message} (${error.code})`, ...advice];
}

/** The codes of Node's errors if a server is not there. */
const UNREACHABLE: ReadonlySet<string> = new Set([
  "EAI_AGAIN",
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "ETIMEDOUT",
]);

const NO_DESTINATION =
  "The server of the destination cannot be reached. Check its name and its port, and whether it runs.";

/** Advice about a file, a program or a port of this machine. */
function adviceOnSystem(error: unknown): string[] {
  const { syscall = "", code } = (error ?? {}) as NodeJS.ErrnoException;
  const advice = AT_START.get(code ?? "");
  return [/^(?:listen|bind|getaddrinfo)$/.test(syscall) ? advice : fileAdvice(error)].filter(
    (each) => each !== undefined,
  );
}

const NO_ADDRESS = "--host must be an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all.";

/** Why `popwright serve` cannot listen, by the code of Node's error. */
const AT_START: ReadonlyMap<string, string> = new Map([
  ["EADDRINUSE", "Another program uses this port. Choose another one with --port, or leave --port out."],
  ["EACCES", "This user may not use this port. Choose one above 1023 with --port."],
  ["EADDRNOTAVAIL", NO_ADDRESS],
  ["ENOTFOUND", NO_ADDRESS],
  ["EAI_AGAIN", NO_ADDRESS],
]);

/** Returns why a destination could not sign in, if it is the password or token that is missing. */
export function missingSecret({ cause }: DestinationError): Error | undefined {
  const isOurs = [UsageError, ConfigurationError, SignInError].some((kind) => cause instanceof kind);
  if (isOurs || (Pop3Error.is(cause) && cause.code.startsWith("POP3_TOKEN_"))) return cause as Error;
  return undefined;
}
