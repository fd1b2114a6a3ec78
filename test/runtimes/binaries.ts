// The runtimes, as npm packages bring them into test/runtimes/node_modules: for Linux on x64.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

export const NAMES = ["node22", "node24", "node26", "bun", "deno"] as const;
export type RuntimeName = (typeof NAMES)[number];

interface Runtime {
  /** In test/runtimes/node_modules. */
  readonly binary: string;
  /** What stands before a program. */
  readonly args: readonly string[];
}

const RUNTIMES: Readonly<Record<RuntimeName, Runtime>> = {
  node22: { binary: "node22/bin/node", args: [] },
  node24: { binary: "node24/bin/node", args: [] },
  node26: { binary: "node26/bin/node", args: [] },
  // By itself it would hand programs that ask for Node over to Node.
  bun: { binary: "bun/bin/bun", args: ["--bun"] },
  deno: { binary: "deno/deno", args: ["run", "--allow-all", "--no-prompt"] },
};

const modules = join(import.meta.dirname, "node_modules");

const binaryOf = (name: RuntimeName): string => join(modules, RUNTIMES[name].binary);

/** Where one of the binaries is missing, all are installed: from the lock file, without scripts. */
export async function installRuntimes(names: readonly RuntimeName[]): Promise<void> {
  if (names.every((name) => existsSync(binaryOf(name)))) return;
  process.stderr.write("installing the runtimes into test/runtimes/node_modules\n");
  const options = ["--ignore-scripts", "--no-audit", "--no-fund"];
  await promisify(execFile)("npm", ["ci", ...options], { cwd: import.meta.dirname });
}

/** A program and its arguments, as this runtime runs them. */
export function commandFor(name: RuntimeName, program: readonly string[]): [file: string, args: string[]] {
  return [binaryOf(name), [...RUNTIMES[name].args, ...program]];
}

/** What a program calls by the name of the runtime is the same one. */
export function environmentFor(name: RuntimeName): NodeJS.ProcessEnv {
  const { PATH = "" } = process.env;
  return { ...process.env, PATH: `${dirname(binaryOf(name))}:${PATH}` };
}

export async function versionOf(name: RuntimeName): Promise<string> {
  const { stdout } = await promisify(execFile)(binaryOf(name), ["--version"]);
  return stdout.split(" (", 1)[0]?.trim() ?? "";
}
