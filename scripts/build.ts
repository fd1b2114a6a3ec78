// `npm run build`: builds dist/ with tsup, unless it is up to date. It is if neither the inputs nor dist/ have changed since
// the last build. Their digests are compared, no times. `--force` builds in any case.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** All that the content of dist/ depends on. The lock file names the versions of the tools. */
const INPUTS = [
  "src",
  "scripts/build.ts",
  "tsup.config.ts",
  "tsconfig.json",
  "package.json",
  "package-lock.json",
];

/** Builds the package in the directory `root`. Returns whether that was necessary. Throws if tsup fails. */
export async function build(root: string, force = false): Promise<boolean> {
  const record = join(root, "node_modules/.cache/popwright-build");
  const state = (): string => `${digestOf(root, INPUTS)} ${digestOf(root, ["dist"])}\n`;
  const recorded = existsSync(record) ? readFileSync(record, "utf8") : "";
  if (!force && recorded === state()) return false;
  rmSync(record, { force: true });
  // Not by tsup: its three builds run side by side, and one would remove what another has written.
  rmSync(join(root, "dist"), { recursive: true, force: true });
  const tsup = join(root, "node_modules/tsup/dist/cli-default.js");
  execFileSync(process.execPath, [tsup], { cwd: root, stdio: "inherit" });
  markTypes(join(root, "dist"));
  await writeManPage(root);
  mkdirSync(dirname(record), { recursive: true });
  writeFileSync(record, state());
  return true;
}

/** Writes dist/popwright.1, the manual page of the command line, if the project in `root` has one. */
async function writeManPage(root: string): Promise<void> {
  if (!existsSync(join(root, "src/cli/man-page.ts"))) return;
  // Only a build loads the command line.
  const { manPage } = await import("../src/cli/man-page.ts");
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  writeFileSync(join(root, "dist/popwright.1"), manPage(version));
}

const EXPORTS = /^export \{ ([^}]*) \}/gm;

/**
 * Marks with `type` what the code of an entry does not export. The bundler of the types forgets it for classes, and a
 * program would compile that imports a class which is not there.
 */
function markTypes(dist: string): void {
  // What entries share has other names in the two formats.
  for (const file of readdirSync(dist).filter((name) => /\.d\.c?ts$/.test(name))) {
    const path = join(dist, file);
    const script = path.replace(/\.d\.c?ts$/, ".js");
    // What entries share may be types alone: then there is no code.
    const code = existsSync(script) ? readFileSync(script, "utf8") : "";
    const values = new Set([...code.matchAll(EXPORTS)].flatMap(([, list]) => namesIn(list as string)));
    const types = readFileSync(path, "utf8").replace(EXPORTS, (_, list: string) => {
      const marked = list
        .split(", ")
        .map((each) =>
          each.startsWith("type ") || values.has(namesIn(each)[0] as string) ? each : `type ${each}`,
        );
      return `export { ${marked.join(", ")} }`;
    });
    writeFileSync(path, types);
  }
}

/** The names that an export clause exports: `b` of `a as b`. */
function namesIn(list: string): string[] {
  return list.split(",").map(
    (each) =>
      each
        .trim()
        .split(/ as | /)
        .at(-1) as string,
  );
}

/** The names and contents of all files of `paths`, as one digest. A path that does not exist counts as empty. */
function digestOf(root: string, paths: readonly string[]): string {
  const hash = createHash("sha256");
  for (const path of paths.flatMap((each) => filesIn(join(root, each)))) {
    const content = readFileSync(path);
    hash.update(`${relative(root, path)}\0${String(content.length)}\0`).update(content);
  }
  return hash.digest("hex");
}

function filesIn(path: string): string[] {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  const entries = readdirSync(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

if (process.argv[1] === import.meta.filename) {
  const root = join(import.meta.dirname, "..");
  if (!(await build(root, process.argv.includes("--force")))) console.log("dist/ is up to date");
}
