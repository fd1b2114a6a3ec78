// Opens an address in the browser of the user.
import { spawn } from "node:child_process";
import { withoutVariables } from "../environment.ts";
import { wordsOfCommand } from "../fetch/command-words.ts";
import type { Io } from "../io.ts";
import { CLIENT_SECRET } from "../secret-variables.ts";

/** Returns the program that opens `url`, with its arguments. `BROWSER` names another one, as in many tools of Unix. */
export function browserCommand(
  url: string,
  env: Io["env"],
  platform: NodeJS.Platform = process.platform,
): readonly [program: string, ...args: string[]] {
  const { BROWSER: own = "" } = env;
  const [program, ...args] = wordsOfCommand(own);
  if (program !== undefined) return [program, ...args, url];
  if (platform === "darwin") return ["open", url];
  // Not `start`: a shell would take the "&" in the address for its own.
  if (platform === "win32") return ["rundll32", "url.dll,FileProtocolHandler", url];
  return ["xdg-open", url];
}

/**
 * Opens `url`. Resolves with `false` if the program cannot be started. Other users can see the arguments of a program: the
 * address has no secret that is worth anything without the verifier, which stays here.
 */
export async function openBrowser(url: string, { env }: Io): Promise<boolean> {
  const [program, ...args] = browserCommand(url, env);
  const child = spawn(program, args, {
    env: withoutVariables(env, [CLIENT_SECRET]),
    stdio: "ignore",
    detached: true,
  });
  const isStarted = await new Promise<boolean>((resolve) => {
    child.once("spawn", () => {
      resolve(true);
    });
    child.once("error", () => {
      resolve(false);
    });
  });
  child.unref();
  return isStarted;
}
