// `npm run fleet`: installs the packages of examples/fleet, which are its own, and starts it.
import { execFileSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const directory = join(import.meta.dirname, "..", "examples", "fleet");
const [wanted, installed] = ["package-lock.json", "node_modules/.package-lock.json"].map((file) =>
  join(directory, file),
) as [string, string];

if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(wanted).mtimeMs) {
  // None of them needs its install script.
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  execFileSync("npm", args, { cwd: directory, stdio: "inherit" });
}

await import(pathToFileURL(join(directory, "start.ts")).href);
