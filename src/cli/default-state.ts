// The directory that the ledger has by default: in the place that the platform has for the state of programs.
import { homedir } from "node:os";
import { posix, win32 } from "node:path";

/** `$XDG_STATE_HOME/popwright`, else `~/.local/state/popwright`, and on Windows `%LOCALAPPDATA%\popwright`. */
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
