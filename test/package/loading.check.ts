// What a program loads that imports the package: few files, and no part that not every program needs.
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const DIST = join(import.meta.dirname, "../../dist");

/** Modules that are loaded when they are first used. */
const LATER =
  /^src\/(?:auth\/(?!apop|names)|session\/(?:login|sasl)\.ts|net\/(?:tunnel|channel-binding)\.ts|advice\/examination\.ts|fetch\/|parse\/|testing\/)/;

/** Modules of Node that are loaded when they are first used. */
const BUILT_IN = /^NativeModule (?:tls|_tls_wrap|crypto|dns|http|https|fs\/promises|tty|child_process)$/;

/** Prints the modules of Node that the import has loaded; each file that is loaded is printed by a hook. */
const HOOKS = `import { writeSync } from "node:fs";
export async function load(url, context, next) {
  if (url.includes("/dist/")) writeSync(2, url + "\\n");
  return next(url, context);
}`;

/** Logs in, and prints how. */
const LOGIN = `
  const server = await Pop3Server.listen({ users: { ann: { pass: "secret" } } });
  const auth = { user: "ann", pass: "secret", mechanism: "PLAIN" };
  process.on("unhandledRejection", () => console.log("unhandled"));
  try {
    const client = await Pop3Client.connect({ host: server.host, port: server.port, secure: false, stls: "never", allowPlaintextAuth: true, auth });
    console.log(client.mechanism);
    await client.quit();
  } catch (error) {
    console.log(error.name, error.code, error.cause.code);
  }
  await server.close();
`;

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "popwright-loading-"));
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

interface Loaded {
  readonly files: readonly string[];
  readonly builtIn: readonly string[];
}

async function run(
  name: string,
  code: string,
  ...args: readonly string[]
): Promise<{ stdout: string; stderr: string }> {
  const path = join(directory, name);
  await writeFile(path, code);
  return promisify(execFile)(process.execPath, [...args, path]);
}

async function imported(): Promise<Loaded> {
  const hooks = join(directory, "hooks.mjs");
  await writeFile(hooks, HOOKS);
  const url = pathToFileURL(join(DIST, "index.js")).href;
  const { stdout, stderr } = await run(
    "import.mjs",
    `import { register } from "node:module";
    const before = new Set(process.moduleLoadList);
    register(${JSON.stringify(pathToFileURL(hooks).href)});
    await import(${JSON.stringify(url)});
    console.log(JSON.stringify(process.moduleLoadList.filter((name) => !before.has(name))));`,
  );
  return { files: stderr.trim().split("\n"), builtIn: JSON.parse(stdout) as string[] };
}

async function required(): Promise<Loaded> {
  const { stdout } = await run(
    "require.cjs",
    `const before = new Set(process.moduleLoadList);
    require(${JSON.stringify(join(DIST, "index.cjs"))});
    const files = Object.keys(require.cache).filter((path) => path !== __filename);
    console.log(JSON.stringify({ files, builtIn: process.moduleLoadList.filter((name) => !before.has(name)) }));`,
  );
  return JSON.parse(stdout) as Loaded;
}

describe.each([
  ["import", "js", imported],
  ["require", "cjs", required],
])("%s", (_, extension, load) => {
  test("loads the client, the pool and what all entries share, and nothing that is used later", async () => {
    const { files, builtIn } = await load();
    const names = files.map((file) => basename(file)).sort();
    expect(names).toEqual(["checks", "client", "index", "pool-pool"].map((name) => `${name}.${extension}`));
    const code = await Promise.all(names.map((name) => readFile(join(DIST, name), "utf8")));
    const modules = code.flatMap((text) =>
      [...text.matchAll(/^\/\/ (src\/\S+\.ts)$/gm)].map(([, path]) => path),
    );
    expect(modules.length).toBeGreaterThan(50);
    expect(modules.filter((path) => LATER.test(path as string))).toEqual([]);
    // An import of node:process would load some of them: it reads all properties.
    expect(builtIn.filter((name) => BUILT_IN.test(name))).toEqual([]);
  });
});

describe.each([
  [
    "ES modules",
    "mjs",
    "js",
    (dist: string) =>
      `import { Pop3Client } from "${dist}/index.js"; import { Pop3Server } from "${dist}/testing.js";${LOGIN}`,
  ],
  [
    "CommonJS",
    "cjs",
    "cjs",
    (dist: string) =>
      `const { Pop3Client } = require("${dist}/index.cjs"); const { Pop3Server } = require("${dist}/testing.cjs"); void (async () => {${LOGIN}})();`,
  ],
])("%s", (_, type, extension, program) => {
  test("a login loads the mechanisms", async () => {
    const { stdout } = await run(`login.${type}`, program(DIST));
    expect(stdout).toBe("PLAIN\n");
  });

  test("a part that is missing is an error of the call, and nothing else", async () => {
    const dist = join(directory, `dist-${extension}`);
    await cp(DIST, dist, { recursive: true });
    await writeFile(join(directory, "package.json"), '{ "type": "module" }');
    await rm(join(dist, `login.${extension}`));
    const { stdout } = await run(`missing.${type}`, program(dist));
    const cause = type === "mjs" ? "ERR_MODULE_NOT_FOUND" : "MODULE_NOT_FOUND";
    expect(stdout).toBe(`Pop3Error POP3_NOT_SUPPORTED ${cause}\n`);
  });
});

test("CommonJS requires what it loads later: some hosts cannot import from it", async () => {
  expect(await readFile(join(DIST, "client.cjs"), "utf8")).not.toMatch(/import\(['"]\./);
});

test("fetching does not load the HTTP client of Node, which only some destinations need", async () => {
  const url = pathToFileURL(join(DIST, "fetch.js")).href;
  const { stdout } = await run(
    "fetch.mjs",
    `await import(${JSON.stringify(url)}); console.log(JSON.stringify(process.moduleLoadList));`,
  );
  const builtIn = JSON.parse(stdout) as string[];
  expect(builtIn).toContain("NativeModule fs");
  expect(builtIn.filter((name) => name.includes("undici"))).toEqual([]);
});
