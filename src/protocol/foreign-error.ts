// Makes an error of Node, OpenSSL or another package safe to be the cause of ours: it may quote a certificate, a
// proxy or a file name.
import { inspect } from "node:util";
import { isPrintable, printable } from "./printable.ts";
import type { Secrets } from "./secrets.ts";

const EVERYTHING = { depth: 9, showHidden: true, maxStringLength: null, maxArrayLength: null } as const;

/**
 * Returns the error itself if all that can be seen of it is safe to print. Otherwise returns a new error with the
 * same name and code and the safe form of the message, and nothing else of it.
 */
export function foreignError(error: unknown, secrets?: Secrets): unknown {
  try {
    return safeForm(error, secrets);
  } catch {
    // A property of it throws when it is read.
    return new Error(printable(messageOf(error), secrets));
  }
}

function safeForm(error: unknown, secrets: Secrets | undefined): unknown {
  if (!(error instanceof Error)) return typeof error === "string" ? printable(error, secrets) : error;
  const seen = `${error.message}${inspect(error, EVERYTHING)}`.replaceAll(/[\n\t]/g, "");
  if (isPrintable(seen) && (secrets === undefined || secrets.mask(seen) === seen)) return error;
  const safe = new Error(printable(error.message, secrets));
  safe.name = printable(error.name, secrets);
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === "string" ? Object.assign(safe, { code: printable(code, secrets) }) : safe;
}

/**
 * What an error says. For a failure that has no words, such as that of several addresses, what its parts say, or its code. A
 * function of the caller may throw anything, also what cannot be made a text. It may contain secrets, and is not safe to print.
 */
export function messageOf(error: unknown): string {
  try {
    const { message } =
      error instanceof Error ? (error as { readonly message: unknown }) : { message: error };
    if (!(error instanceof Error) || message !== "") return String(message);
    if (error instanceof AggregateError && error.errors.length > 0)
      return error.errors.map(messageOf).join(", ");
    return (error as NodeJS.ErrnoException).code ?? error.name;
  } catch {
    return "a value that cannot be shown";
  }
}

/** The code of what was thrown; `undefined` if it has none, or if that cannot be read. */
export function codeOf(thrown: unknown): string | undefined {
  try {
    const { code } = (thrown ?? {}) as { readonly code?: unknown };
    return typeof code === "string" ? code : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Makes an error of what a function of the caller has thrown: returns it unchanged if it is an error that can be read. Node
 * reads it in callbacks of the socket, where nothing would catch what that throws.
 */
export function errorFrom(thrown: unknown): Error {
  try {
    if (thrown instanceof Error) {
      const { message, stack, code } = thrown as NodeJS.ErrnoException;
      if ([message, stack, code].every((each) => each === undefined || typeof each === "string"))
        return thrown;
    }
  } catch {
    // A property of it throws when it is read.
  }
  return new Error(printable(messageOf(thrown)));
}

/**
 * Whether a function of the caller has returned a promise. If that rejects, `rejected` gets the error: nothing else would
 * handle it, and the process would end.
 */
export function isPromise(returned: unknown, rejected: (error: unknown) => void): boolean {
  try {
    const { then } = (returned ?? {}) as { readonly then?: unknown };
    if (typeof then !== "function") return false;
    Promise.resolve(returned).catch(rejected);
    return true;
  } catch {
    // Reading it throws.
    return false;
  }
}

/**
 * Copies the name, the words and the code of an error, and nothing else of it: an error of a database may carry its command or
 * its connection, with the password.
 */
export function bareError(error: unknown): Error {
  const { name, code } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  const copy = new Error(printable(messageOf(error)));
  if (typeof name === "string") copy.name = printable(name);
  return typeof code === "string" ? Object.assign(copy, { code: printable(code) }) : copy;
}
