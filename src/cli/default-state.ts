// Finds the default directory of the ledger: in the platform's directory for the state of programs.
import { homedir } from "node:os";
import { posix, win32 } from "node:path";

/**
 * Returns `$XDG_STATE_HOME/popwright` if that variable is set. Otherwise returns `~/.local/state/popwright`,
 * or on Windows `%LOCALAPPDATA%\popwright`.
 */
export function defaultState(
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform = process.platform,
  home: string = homedir(),
): string {
  const named = (name: string): string | undefined => (env[name] === "" ? undefined : env[name]);
  const path = platform === "win32" ? win32 : posix;
  const usual =
    platform === "win32"
      ? (named("LOCALAPPDATA") ?? path.join(home, "AppData", "Local"))
      : path.join(home, ".local", "state");
  return path.join(named("XDG_STATE_HOME") ?? usual, "popwright");
}
