// Splits a command that is written as one line into words. No shell is involved.
import { UsageError } from "../usage-error.ts";

/**
 * Splits a line at its spaces, but not between double quotes: `"C:\Program Files\pass\pass.exe" show mail`. A
 * backslash is an ordinary character. Throws {@link UsageError} if a quote is not closed.
 */
export function wordsOfCommand(line: string): string[] {
  // The line is not shown: it may contain a secret.
  if ((line.match(/"/g) ?? []).length % 2 === 1)
    throw new UsageError("the command has an unclosed double quote");
  return (line.match(/(?:"[^"]*"|[^\s"])+/g) ?? []).map((word) => word.replaceAll('"', ""));
}
