// The tarball for publication contains what users need, and works without the sources.
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/cli/command-list.ts";
import { ENTRIES } from "./entries.ts";

const root = join(import.meta.dirname, "../..");
const inModules = (path: string): string => join(root, "node_modules", path);

/** Programs as users write them. */
const consumers = join(root, "test/package/consumer");

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, unknown>>;
  /** The paths of the manual pages. npm links them only if they are in an array. */
  readonly man: readonly string[];
}

/** Where everything happens: the tarball, what it unpacks to, and a user's project. */
let directory: string;
let tarball: string;
/** The user's project, with the package and its dependencies installed. */
let project: string;
let files: string[];
let manifest: Manifest;

/** Gives what a program prints. What it says when it fails is in the error. */
function run(file: string, args: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(file, args, { cwd, maxBuffer: Infinity }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${error.message}\n${stdout}\n${stderr}`));
    });
  });
}

const node = (args: readonly string[], cwd: string): Promise<string> => run(process.execPath, args, cwd);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "popwright-package-"));
  const pack = ["pack", "--ignore-scripts", "--json", "--pack-destination", directory];
  const [packed] = JSON.parse(await run("npm", pack, root)) as [
    { filename: string; files: { path: string }[] },
  ];
  tarball = join(directory, packed.filename);
  files = packed.files.map(({ path }) => path).sort();
  await run("tar", ["-xzf", tarball, "-C", directory], directory);

  // As npm would lay it out, without asking a registry: the package is a copy, so that it finds what is
  // installed next to it, but no file of this repository; its dependencies are linked.
  project = join(directory, "project");
  const installed = join(project, "node_modules/popwright");
  await cp(join(directory, "package"), installed, { recursive: true });
  manifest = JSON.parse(await readFile(join(installed, "package.json"), "utf8")) as Manifest;
  for (const name of [...Object.keys(manifest.dependencies), "@types/node"]) {
    const link = join(project, "node_modules", name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(inModules(name), link);
  }
  await cp(consumers, project, { recursive: true });
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

test("the tarball contains what users need, and nothing else", () => {
  const documents = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "package.json",
  ];
  expect(files.filter((file) => !/^(dist|docs|examples)\//.test(file))).toEqual(documents);
  // Entries, the chunks they share, and the types of both.
  const stray = files.filter(
    (file) =>
      !/^(dist\/[\w-]+\.(js|cjs|d\.ts|d\.cts|licences\.txt)|dist\/popwright\.1|docs\/(providers\/)?[\w-]+\.(md|svg)|examples\/[\w/-]+(\.test)?\.(ts|mjs|cjs)|examples\/README\.md|examples\/(service|with-packages)\/[\w.]+|[\w.]+)$/.test(
        file,
      ),
  );
  expect(stray).toEqual([]);
});

test("the types of each entry name the types of Node, which TypeScript 7 does not load by itself", async () => {
  const types = files.filter((file) => /\.d\.c?ts$/.test(file));
  expect(types.length).toBeGreaterThanOrEqual(2 * (Object.keys(manifest.exports).length - 1));
  for (const file of types) {
    const text = await readFile(join(directory, "package", file), "utf8");
    expect(text.startsWith('/// <reference types="node" />'), file).toBe(true);
  }
});

test("the types export as values what the code exports, and nothing else", async () => {
  const program =
    "for (const entry of ['', '/bullmq', '/fetch', '/node-pop3', '/oauth2', '/parse', '/postgres', '/redis', '/sqlite', '/testing'])" +
    " console.log(Object.keys(await import('popwright' + entry)).sort().join());";
  const exported = (await node(["--input-type=module", "--eval", program], project)).trim().split("\n");
  for (const [index, entry] of ENTRIES.entries())
    for (const extension of ["d.ts", "d.cts"]) {
      const file = join(directory, "package/dist", `${entry}.${extension}`);
      const types = await readFile(file, "utf8");
      const clauses = [...types.matchAll(/^export \{ ([^}]*) \}/gm)];
      const names = clauses.flatMap(([, list = ""]) => list.split(", "));
      // In CommonJS, the class itself.
      if (/^export = /m.test(types)) names.push("default");
      const values = names.filter((name) => !name.startsWith("type ")).map((name) => name.split(" ").at(-1));
      expect(values.sort().join(), `${entry}.${extension}`).toBe(exported[index]);
    }
});

test("the command line is ESM without types, and each file has a name that says what is in it", () => {
  expect(files.filter((file) => file.startsWith("dist/cli."))).toEqual([
    "dist/cli.js",
    "dist/cli.licences.txt",
  ]);
  expect(files.filter((file) => /(?:^|\W)chunk|-[A-Z0-9]{8}\.c?js$/.test(file))).toEqual([]);
});

test("the manual page has each command and each option, and a formatter has nothing against it", async () => {
  const [man = "", ...others] = manifest.man;
  expect(others).toEqual([]);
  expect(man).toBe("./dist/popwright.1");
  expect(files).toContain(posix.normalize(man));
  const page = join(directory, "package", man);
  const text = (await readFile(page, "utf8")).replaceAll("\\-", "-");
  for (const { name, options } of COMMANDS) {
    expect(text).toContain(`\n.SS ${name}\n`);
    for (const option of Object.keys(options))
      expect(text, name).toMatch(new RegExp(`\\\\fB.*--${option}\\b`));
  }
  expect(text).not.toMatch(/[^\n -~]/);
  // Debian's mandoc, if it is installed. The page has no date: the same sources make the same page.
  const lint = await run("mandoc", ["-Tlint", page], directory).catch((error: unknown) => String(error));
  const complaints = lint.split("\n").filter((line) => /: (?:STYLE|WARNING|ERROR|UNSUPP|FATAL): /.test(line));
  expect(complaints.filter((line) => !line.endsWith(': missing date, using "": TH'))).toEqual([]);
});

test("the command line has a copy of imapflow with its licences, and the library imports the package", async () => {
  const dist = (file: string): Promise<string> => readFile(join(directory, "package/dist", file), "utf8");
  const importsOf = (code: string): string[] =>
    [...code.matchAll(/\b(?:from|import\()\s*['"](\.?\/?imapflow(?:\.js)?)['"]/g)].map(
      ([, name = ""]) => name,
    );
  expect(importsOf(await dist("cli.js"))).toEqual(["./imapflow.js"]);
  const others = files.filter(
    (file) => /^dist\/.*\.c?js$/.test(file) && !/\/(?:cli|imapflow)\.js$/.test(file),
  );
  const imported = await Promise.all(others.map(async (file) => importsOf(await dist(file.slice(5)))));
  expect(new Set(imported.flat())).toEqual(new Set(["imapflow"]));
  // The project does not have the package.
  const program = "console.log(typeof (await import('./node_modules/popwright/dist/imapflow.js')).ImapFlow)";
  expect(await node(["--input-type=module", "--eval", program], project)).toBe("function\n");
  expect(await dist("cli.licences.txt")).toMatch(/^jsonc-parser [\d.]+ \(MIT\)/m);
  expect(await dist("cli.js")).not.toMatch(/from\s*['"]jsonc-parser/);
  const licences = await dist("imapflow.licences.txt");
  for (const name of ["imapflow", "libmime", "libqp", "libbase64", "encoding-japanese"])
    expect(licences).toMatch(new RegExp(`^${name} [\\d.]+ \\(`, "m"));
});

/** Whether the tarball has this file, or this folder. */
const isThere = (path: string): boolean => files.some((file) => file === path || file.startsWith(`${path}/`));

test("every document links to files that a user has", async () => {
  const missing: string[] = [];
  for (const name of files.filter((file) => file.endsWith(".md"))) {
    const text = await readFile(join(directory, "package", name), "utf8");
    for (const [, target = ""] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g))
      if (!/^https?:/.test(target) && !isThere(posix.join(posix.dirname(name), target)))
        missing.push(`${name}: ${target}`);
  }
  expect(missing).toEqual([]);
});

test("help, errors and doc comments name files that a user has", async () => {
  const missing: string[] = [];
  for (const name of files.filter((file) => file.startsWith("dist/"))) {
    const text = await readFile(join(directory, "package", name), "utf8");
    for (const [path] of text.matchAll(/\b(?:docs|examples|src|test)\/[\w/-]+\.(?:md|ts)\b/g))
      // esbuild writes the name of each module before it.
      if (!isThere(path) && !`\n${text}`.includes(`\n// ${path}\n`)) missing.push(`${name}: ${path}`);
  }
  expect(missing).toEqual([]);
});

test.each(["consumer.mts", "consumer.cts"])("%s imports every entry", async (consumer) => {
  const source = await readFile(join(consumers, consumer), "utf8");
  const entries = Object.keys(manifest.exports).map((entry) => `"${entry.replace(/^\./, "popwright")}"`);
  expect(entries.filter((entry) => !source.includes(entry))).toEqual([]);
});

test("publint reports nothing", async () => {
  const { buffer, byteOffset, byteLength } = await readFile(tarball);
  const { messages, pkg } = await publint({
    strict: true,
    pack: { tarball: buffer.slice(byteOffset, byteOffset + byteLength) },
  });
  expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
});

test("the types match the code, for ESM and CommonJS", async () => {
  const attw = inModules("@arethetypeswrong/cli/dist/index.js");
  await node([attw, "--profile", "node16", "--format", "ascii", "--no-color", tarball], directory);
});

describe.each(["node16", "nodenext"])("a user's project with module: %s", (module) => {
  const built = `built-${module}`;

  test("compiles", async () => {
    const config = `tsconfig.${module}.json`;
    const compilerOptions = {
      module,
      target: "es2022",
      lib: ["es2023"],
      types: ["node"],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      rootDir: ".",
      outDir: built,
    };
    const include = ["*.mts", "*.cts"];
    await writeFile(join(project, config), JSON.stringify({ compilerOptions, include }));
    await node([inModules("typescript/bin/tsc"), "--project", config], project);
  });

  test.each([
    ["ESM", "consumer.mjs", [], "index.js"],
    ["CommonJS", "consumer.cjs", [], "index.js"],
    ["CommonJS that cannot load ESM", "consumer.cjs", ["--no-experimental-require-module"], "index.cjs"],
  ])("runs in %s", async (_kind, consumer, options, loaded) => {
    expect(await node([...options, join(built, consumer)], project)).toBe(`all is well with ${loaded}\n`);
  });
});
