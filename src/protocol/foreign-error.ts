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
  if (!(error instanceof Error)) return typeof error === "string" ? printable(error, secrets) : error;
  const seen = `${error.message}${inspect(error, EVERYTHING)}`.replaceAll(/[\n\t]/g, "");
  if (isPrintable(seen) && (secrets === undefined || secrets.mask(seen) === seen)) return error;
  const safe = new Error(printable(error.message, secrets));
  safe.name = printable(error.name, secrets);
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === "string" ? Object.assign(safe, { code: printable(code, secrets) }) : safe;
}
