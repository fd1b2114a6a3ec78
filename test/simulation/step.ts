// Names the step of a fetch to which an operation of the disk belongs, and lists all steps.
import type { Call } from "../crash/file-system.ts";

const KINDS: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/\.lock[^/]*$/, "lock"],
  [/\.journal$/, "journal"],
  [/\.journal\.[0-9a-f]+\.tmp$/, "new journal"],
  [/\.state/, "state file"],
  [/^\/state/, "directory of the ledger"],
  [/\/\.[^/]*popwright-[^/]*$/, "spool file"],
  [/^\/mail\/inbox/, "mbox"],
  [/(\.eml|\.popwright)[^/]*$/, "message"],
  [/^\/mail/, "directory of the mail"],
];

/** All steps: operations of the disk, and commands that have arrived at the server. */
export const STEPS: readonly string[] = [];

export function stepOf({ name, path }: Call): string {
  const [, what = "other"] = KINDS.find(([pattern]) => pattern.test(path)) ?? [];
  return `${name} ${what}`;
}
