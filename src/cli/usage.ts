// The words of a command line: what was meant, or what is wrong with them.
import { parseArgs, type ParseArgsConfig } from "node:util";

/** The command line makes no sense: exit code 64. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The configuration makes no sense: exit code 78. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}

type Options = NonNullable<ParseArgsConfig["options"]>;
type Words<O extends Options> = ReturnType<typeof parseArgs<{ options: O; allowPositionals: true }>>;

/** Reads the words behind a command. Throws {@link UsageError}. */
export function wordsOf<const O extends Options>(args: readonly string[], options: O): Words<O> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    // "Unknown option '--x'. To specify a positional argument ..." says more than it should.
    throw new UsageError((error as Error).message.split(". ", 1)[0] ?? "");
  }
}

/** So many of them, and no more. Throws {@link UsageError}, in the words of `names`. */
export function positionals<N extends number>(
  given: readonly string[],
  names: readonly string[] & { readonly length: N },
): string[] & { readonly length: N } {
  const missing = names[given.length];
  if (missing !== undefined) throw new UsageError(`${missing} is missing`);
  if (given.length > names.length)
    throw new UsageError(`${quoted(given[names.length] ?? "")} is one word too many`);
  return [...given] as string[] & { readonly length: N };
}

/** A whole number from `least` on. Throws {@link UsageError}. */
export function wholeNumber(name: string, text: string | undefined, least = 0): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < least)
    throw new UsageError(`${name} is a whole number from ${String(least)} on`);
  return number;
}

/** Octets: `500`, `64k`, `10M`, `1G`. Throws {@link UsageError}. */
export function octetsOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d+)([kMG]?)$/.exec(text);
  if (match === null) throw new UsageError(`${name} is a number of octets, as 500, 64k or 10M`);
  return Number(match[1]) * 1024 ** ["", "k", "M", "G"].indexOf(match[2] as string);
}

/** A word as it is shown to whoever wrote it; one that may have a password in it is not. */
export function quoted(word: string): string {
  return /:.*@/.test(word) ? "that" : `"${word}"`;
}
