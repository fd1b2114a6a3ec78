// A command that is written as one line, and its words. No shell reads it.
import { UsageError } from "../usage.ts";

/**
 * Splits a line at its spaces, but not between double quotes: `"C:\Program Files\pass\pass.exe" show mail`. A backslash
 * is an ordinary character. Throws {@link UsageError} if a quote is not closed.
 */
export function wordsOfCommand(line: string): string[] {
  // The line is not shown: it may have a secret in it.
  if ((line.match(/"/g) ?? []).length % 2 === 1)
    throw new UsageError("the command has a double quote that is not closed");
  return (line.match(/(?:"[^"]*"|[^\s"])+/g) ?? []).map((word) => word.replaceAll('"', ""));
}
