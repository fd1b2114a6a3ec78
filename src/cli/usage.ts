// Parses the arguments of a command line.
import { parseArgs, type ParseArgsConfig } from "node:util";
import { nearest } from "../options/checks.ts";
import { durationHint, durationIn, durationWanted, type TimeUnit } from "../options/duration.ts";
import { printable } from "../protocol/printable.ts";
import { homePath } from "./home-path.ts";
import { UsageError } from "./usage-error.ts";

type Options = NonNullable<ParseArgsConfig["options"]>;
type Words<O extends Options> = ReturnType<typeof parseArgs<{ options: O; allowPositionals: true }>>;

/** The options whose value is a path. A shell does not expand `~` in `--state=~/mail`. */
const PATHS: ReadonlySet<string> = new Set([
  "ca",
  "client-secret-file",
  "config",
  "output",
  "password-file",
  "record",
  "state",
  "to-password-file",
]);

/** Parses the arguments after the name of a command. Throws {@link UsageError} for an unknown option. */
export function wordsOf<const O extends Options>(args: readonly string[], options: O): Words<O> {
  try {
    const words = parseArgs({ args: [...args], options, allowPositionals: true });
    const values = words.values as Record<string, unknown>;
    for (const [name, value] of Object.entries(values)) {
      if (!PATHS.has(name) || typeof value !== "string") continue;
      if (value === "") throw new UsageError(`--${printable(name)} must be a path (got an empty one)`);
      values[name] = homePath(value);
    }
    return words;
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(wrongOption(error as Error, options));
  }
}

/** Says in our words what Node's parser found. The value of an option is not shown: it may be a secret. */
function wrongOption({ message }: Error, options: Options): string {
  const [, unknown] = /^Unknown option '(--?[^']*)'/.exec(message) ?? [];
  if (unknown !== undefined) {
    if (/^-\d/.test(unknown))
      return printable(`${unknown} looks like an option: the numbers here begin with 1`);
    const near = nearest(unknown.replace(/^--?(?:no-)?/, ""), Object.keys(options));
    const hint = near === undefined || unknown.length < 4 ? "" : `: did you mean --${near}?`;
    return printable(`unknown option ${unknown}${hint}`);
  }
  const [, name] = /^Option '(?:-\w, )?(--[\w-]+)/.exec(message) ?? [];
  if (name === undefined) return printable(message.split(". ", 1)[0] ?? "");
  if (message.includes("does not take an argument"))
    return printable(`${name} takes no value: write ${name} alone`);
  return printable(
    `${name} needs a value: write ${name} VALUE, or ${name}=VALUE if the value begins with "-"`,
  );
}

/** What an argument must be, for the error if it is missing. */
const EXPECTED: Readonly<Record<string, string>> = {
  URL: ": it must look like pop3s://USER@HOST",
  MESSAGE: ": it must be a message number, or uid:UNIQUE-ID",
  PROVIDER: ": it must be google or microsoft",
  SHELL: ": it must be bash or zsh",
  ADDRESS: ": it must be the mail address that signs in",
  FROM: ": it must be a mailbox, as `popwright ledger` shows it, or its URL",
  TO: ": it must be the new name of the mailbox, or its URL",
  MAILBOX: ": it must be a mailbox, as `popwright ledger` shows it, or its URL",
};

/**
 * Checks that there is one argument for each of `names`. Throws {@link UsageError} if one is missing or
 * extra.
 */
export function positionals<N extends number>(
  given: readonly string[],
  names: readonly string[] & { readonly length: N },
): string[] & { readonly length: N } {
  const missing = names[given.length];
  if (missing !== undefined) throw new UsageError(`${missing} is missing${EXPECTED[missing] ?? ""}`);
  if (given.length > names.length)
    throw new UsageError(`unexpected argument ${quoted(given[names.length] ?? "")}: remove it`);
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

/**
 * Parses a time: a number in `unit`, or a number with a unit, such as `90s` or `14d`. Returns it in `unit`. Throws
 * {@link UsageError}.
 */
export function timeOf(name: string, text: string | undefined, unit: TimeUnit): number | undefined {
  if (text === undefined) return undefined;
  const time = durationIn(unit, /^\d+(\.\d+)?$/.test(text) ? Number(text) : text);
  if (time === undefined)
    throw new UsageError(
      `${name} must be ${durationWanted(unit)} (got ${quoted(text)})${durationHint(unit, text)}`,
    );
  return time;
}

/** Quotes a word for an error message. A word that may contain a password is not shown. */
export function quoted(word: string): string {
  return /:(?!\/\/[^:]*@).*@/.test(word) ? "[not shown: it may contain a password]" : `"${printable(word)}"`;
}
