// Replaces `~` at the beginning of a path, as a shell does: in the configuration file no shell does it.
import { homedir } from "node:os";
import { join } from "node:path";
import { printable } from "../protocol/printable.ts";
import { UsageError } from "./usage-error.ts";

/** Returns the path with the home directory of the user in place of `~`. Throws {@link UsageError} for `~bob`. */
export function homePath(path: string, home: string = homedir()): string {
  if (!path.startsWith("~")) return path;
  if (path === "~" || /^~[/\\]/.test(path)) return join(home, path.slice(1));
  throw new UsageError(
    `popwright does not know the home directory in ${printable(path)}: write the whole path, or ./${printable(path)} for that name`,
  );
}
