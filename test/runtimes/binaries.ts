// The runtimes, as npm packages bring them into test/runtimes/node_modules: for Linux on x64, and for Windows under Wine.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { endWine, makePrefix, underWine, wineEnvironment } from "./wine.ts";

export const NAMES = ["node22", "node24", "node26", "bun", "deno", "windows"] as const;
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
  windows: { binary: "windows/bin/node.exe", args: [] },
};

const modules = join(import.meta.dirname, "node_modules");

const binaryOf = (name: RuntimeName): string => join(modules, RUNTIMES[name].binary);

/** Where one of the binaries is missing, all are installed: from the lock file, without scripts. */
export async function installRuntimes(names: readonly RuntimeName[]): Promise<void> {
  if (names.every((name) => existsSync(binaryOf(name)))) return;
  process.stderr.write("installing the runtimes into test/runtimes/node_modules\n");
  // By force, or npm takes nothing that is for Windows.
  const options = ["--force", "--ignore-scripts", "--no-audit", "--no-fund"];
  await promisify(execFile)("npm", ["ci", ...options], { cwd: import.meta.dirname });
}

/** A program and its arguments, as this runtime runs them. */
export function commandFor(name: RuntimeName, program: readonly string[]): [file: string, args: string[]] {
  const args = [...RUNTIMES[name].args, ...program];
  return name === "windows" ? underWine(binaryOf(name), args) : [binaryOf(name), args];
}

/** What a program calls by the name of the runtime is the same one. `directory`: for files of the runtime's own. */
export function environmentFor(name: RuntimeName, directory: string): NodeJS.ProcessEnv {
  // First what is there for Windows, of which the project has the packages for Linux.
  if (name === "windows")
    return wineEnvironment(join(directory, "wine"), [
      modules,
      join(import.meta.dirname, "../../node_modules"),
    ]);
  const { PATH = "" } = process.env;
  return { ...process.env, PATH: `${dirname(binaryOf(name))}:${PATH}` };
}

/** What has to be there before anything runs. */
export async function prepareRuntime(name: RuntimeName, directory: string): Promise<void> {
  if (name === "windows") await makePrefix(join(directory, "wine"), environmentFor(name, directory));
}

/** Ends what the runtime still runs. */
export async function endRuntime(name: RuntimeName, directory: string): Promise<void> {
  if (name === "windows") await endWine(environmentFor(name, directory));
}

export async function versionOf(name: RuntimeName, directory: string): Promise<string> {
  const env = environmentFor(name, directory);
  const { stdout } = await promisify(execFile)(...commandFor(name, ["--version"]), { env });
  return stdout.split(" (", 1)[0]?.trim() ?? "";
}
