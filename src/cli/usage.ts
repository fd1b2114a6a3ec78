// Parses the arguments of a command line, and defines the errors for wrong input.
import { parseArgs, type ParseArgsConfig } from "node:util";
import { printable } from "../protocol/printable.ts";

/** The command line is wrong: exit code 64. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The configuration is wrong: exit code 78. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}

/** The maildrop does not have the message: exit code 66. */
export class NoMessageError extends Error {
  override readonly name = "NoMessageError";
}

/** The user has not signed in, or with another account: exit code 77. */
export class SignInError extends Error {
  override readonly name = "SignInError";
}

type Options = NonNullable<ParseArgsConfig["options"]>;
type Words<O extends Options> = ReturnType<typeof parseArgs<{ options: O; allowPositionals: true }>>;

/** Parses the arguments after the name of a command. Throws {@link UsageError} for an unknown option. */
export function wordsOf<const O extends Options>(args: readonly string[], options: O): Words<O> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    // Node's message continues ("To specify a positional argument ..."): only its first sentence helps.
    throw new UsageError(printable((error as Error).message.split(". ", 1)[0] ?? ""));
  }
}

/**
 * Checks that there is one argument for each of `names`. Throws {@link UsageError} if one is missing or
 * extra.
 */
export function positionals<N extends number>(
  given: readonly string[],
  names: readonly string[] & { readonly length: N },
): string[] & { readonly length: N } {
  const missing = names[given.length];
  if (missing !== undefined) throw new UsageError(`${missing} is missing`);
  if (given.length > names.length)
    throw new UsageError(`unexpected argument ${quoted(given[names.length] ?? "")}`);
  return [...given] as string[] & { readonly length: N };
}

/** Parses a whole number of at least `least`. Throws {@link UsageError}. */
export function wholeNumber(name: string, text: string | undefined, least = 0): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < least)
    throw new UsageError(`${name} must be a whole number >= ${String(least)} (got ${quoted(text)})`);
  return number;
}

/** Parses a number of bytes: `500`, `64k`, `10M`, `1G`, in units of 1024. Throws {@link UsageError}. */
export function octetsOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d+)([kMG]?)$/.exec(text);
  if (match === null)
    throw new UsageError(`${name} must be a number of bytes, such as 500, 64k or 10M (got ${quoted(text)})`);
  return Number(match[1]) * 1024 ** ["", "k", "M", "G"].indexOf(match[2] as string);
}

/** Quotes a word for an error message. A word that may contain a password is not shown. */
export function quoted(word: string): string {
  return /:.*@/.test(word) ? "[not shown: it may contain a password]" : `"${printable(word)}"`;
}
