// `npm run docs`: builds the site of the documentation in docs/.vitepress/dist, and checks its links. It installs what it needs,
// so it is JavaScript that Node runs before anything is installed. `-- --serve` then shows the site on http://127.0.0.1:5173.
import { spawnSync } from "node:child_process";
import { existsSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const docs = join(root, "docs");

/** Runs a program in a folder, and ends with its exit code if it fails. */
function run(cwd, file, ...args) {
  const { status, error } = spawnSync(file, args, {
    cwd,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (error !== undefined) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

/** Installs the packages of a folder unless they are installed. */
function install(folder, ...options) {
  const [wanted, installed] = ["package-lock.json", "node_modules/.package-lock.json"].map((name) =>
    join(folder, name),
  );
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(wanted).mtimeMs) return;
  run(folder, "npm", "ci", "--no-audit", "--no-fund", ...options);
}

/** A program of the packages in docs/. */
const bin = (name) => join(docs, "node_modules", ".bin", name);

// The doc comments mention types of the packages that the sources use.
if (!existsSync(join(root, "node_modules"))) install(root);
install(docs, "--ignore-scripts");

rmSync(join(docs, "generated"), { recursive: true, force: true });
run(docs, bin("typedoc"), "--options", "typedoc.config.js");
run(docs, bin("vitepress"), "build", ".");
run(docs, process.execPath, "--import", "tsx", "check/links.ts");
if (process.argv.includes("--serve")) run(docs, process.execPath, "--import", "tsx", "check/serve.ts");
