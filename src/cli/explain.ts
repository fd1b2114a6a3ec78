// Explains a failure to the user: what happened, and what to do about it.
import { adviceOn, causeCode, type Pop3Attempt as Attempt } from "../advice/explain.ts";
import { adviceFor } from "../advice/failures.ts";
import { Pop3Error } from "../index.ts";
import { DestinationError } from "../fetch/index.ts";
import { ConfigurationError, SignInError, UsageError } from "./usage-error.ts";

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
  if (!Pop3Error.is(error)) return [error instanceof Error ? error.message : String(error)];
  if (DestinationError.is(error)) return explainDestination(error);
  return [`${error.message} (${error.code})`, ...adviceOn(error, attempt)];
}

/** The advice about mail servers does not fit: what failed is another server, or a disk. */
function explainDestination(error: DestinationError): string[] {
  const secret = missingSecret(error);
  const full = causeCode(error) === "ENOSPC" ? adviceFor("ENOSPC") : undefined;
  if (secret !== undefined) {
    const [why = "", ...advice] = explain(secret);
    return [`cannot sign in at the destination: ${why}`, ...advice];
  }
  return [`${error.message} (${error.code})`, ...(full === undefined ? [] : [full])];
}

/** Returns why a destination could not sign in, if it is the password or token that is missing. */
export function missingSecret({ cause }: DestinationError): Error | undefined {
  const isOurs = [UsageError, ConfigurationError, SignInError].some((kind) => cause instanceof kind);
  if (isOurs || (Pop3Error.is(cause) && cause.code.startsWith("POP3_TOKEN_"))) return cause as Error;
  return undefined;
}
