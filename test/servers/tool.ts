// Runs a program to its end. What the program prints is kept, for the error if it fails.
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";

/** What a tool may need in addition to its arguments. */
export interface ToolOptions {
  readonly cwd?: string;
  /** Added to the environment of the caller. */
  readonly env?: Readonly<Record<string, string>>;
  /** Its standard input. @default none */
  readonly input?: string;
}

/** Servers and their tools are often installed where only root's PATH leads. */
export function withServerPath(env: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`, ...env };
}

/** The error to throw if a program, or its directory, is missing; `undefined` for any other cause. */
export function notInstalled(name: string, cause: unknown): Error | undefined {
  if ((cause as NodeJS.ErrnoException).code !== "ENOENT") return undefined;
  return new Error(`${name} is not installed: bash .ci/servers`, { cause });
}

/** Runs a tool to its end and gives what it writes. Rejects with the tool's own words if it fails. */
export async function run(
  command: readonly [string, ...string[]],
  options: ToolOptions = {},
): Promise<string> {
  const [file, ...args] = command;
  const child = spawn(file, args, { cwd: options.cwd, env: withServerPath(options.env) });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  // One that does not read its input may end before all of it is written.
  child.stdin.on("error", () => undefined).end(options.input ?? "");
  try {
    const [code, output, words] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    if (code !== 0) throw new Error(`${file} failed: ${output}${words}`);
    return output;
  } catch (cause) {
    throw notInstalled(file, cause) ?? cause;
  }
}
