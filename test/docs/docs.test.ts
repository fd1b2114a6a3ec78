// The code of the documentation and of doc comments compiles. Recipes, programs and the first example also run, and print what
// the text says.
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import ts from "typescript";
import { afterAll, beforeAll, expect, test } from "vitest";
import { codeBlocks, examplesIn, type Block } from "./blocks.ts";

const root = join(import.meta.dirname, "../..");
const PRELUDE = `import type { Pop3Client } from "popwright";
declare const client: Pop3Client;
declare function save(uid: string | undefined, octets: Buffer): Promise<void>;
void [client, save];
`;

/** What the examples in doc comments use without a declaration. */
const EXAMPLE_PRELUDE = `import { createHash } from "node:crypto";
import { tracingChannel } from "node:diagnostics_channel";
import * as popwright from "popwright";
import * as fetching from "popwright/fetch";
import Pop3Command from "popwright/node-pop3";
import * as oauth2 from "popwright/oauth2";
import * as parsing from "popwright/parse";
import * as postgresEntry from "popwright/postgres";
import { Pool } from "pg";
import * as bullmqEntry from "popwright/bullmq";
import * as redisEntry from "popwright/redis";
import { Redis } from "ioredis";
import * as sqlite from "popwright/sqlite";
import * as testing from "popwright/testing";
import type { HostPlaces, Pop3ClientOptions, Pop3Trace } from "popwright";
import type { Delivery, Pop3FetchTrace, Pop3MessageTrace } from "popwright/fetch";
import type { Fault } from "popwright/testing";
const { Pop3Client, Pop3Pool, Pop3Error, Pop3ReplyError, Pop3ProtocolError, Pop3ConnectionError } = popwright;
const { Pop3AbortError, Pop3HostBusyError, apopDigest, explain, isTemporary, parseUrl, wellKnown } = popwright;
const { fetchMail, fetchAll, newMail, deliverTo, messageKey, contentKey, verifyWebhook } = fetching;
const { Command, DestinationError, EmlFolder, FetchError, FileLedger, Lmtp, Maildir, Mbox, MemoryLedger } = fetching;
const { GmailImport, ImapAppend, Webhook } = fetching;
const { clientCredentials, OAuth2Error, refreshedToken, requestToken } = oauth2;
const { LedgerError } = fetching;
const { decodeCharset, parseHeaders, parseMessage } = parsing;
const { SqliteStore } = sqlite;
const { PostgresStore } = postgresEntry;
const { RedisLedger, RedisPlaces } = redisEntry;
const { createFetchWorker, Fleet } = bullmqEntry;
declare function urlOf(id: string): Promise<string>;
const { crlf, Pop3Server, makeCertificate, ledgerContract, destinationContract } = testing;
declare function test(name: string, run: () => Promise<void>): void;
declare const options: Pop3ClientOptions;
declare const account: string;
declare const accounts: string[];
declare const client: popwright.Pop3Client;
declare const pool: popwright.Pop3Pool;
declare const ledger: fetching.FileLedger;
declare const store: sqlite.SqliteStore;
declare const postgres: postgresEntry.PostgresStore;
declare const destination: fetching.Destination;
declare const stop: AbortSignal;
declare const error: unknown;
declare const octets: Buffer;
declare function save(uid: string | undefined, octets: Buffer): Promise<void>;
declare function handle(octets: Buffer, key: string): Promise<void>;
`;
const SOURCES = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => `src/${name.replaceAll("\\", "/")}`);

let blocks: Block[];
beforeAll(async () => {
  const folders = ["docs", "docs/providers"];
  const names = await Promise.all(folders.map((folder) => readdir(join(root, folder))));
  const docs = names
    .flatMap((list, index) => list.map((name) => `${String(folders[index])}/${name}`))
    .filter((name) => name.endsWith(".md"));
  blocks = (await Promise.all(["README.md", ...docs].map((file) => codeBlocks(join(root, file))))).flat();
});

/** The program of the last compilation: the next one shares its sources and libraries. */
let previous: ts.Program | undefined;

/** Compiles modules, each with the place that it comes from, and returns the errors. */
function compile(modules: readonly { readonly place: string; readonly code: string }[]): string[] {
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), (path) => ts.sys.readFile(path)) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  // Unlike the library, blocks export nothing, and declare names that they do not use.
  Object.assign(options, { isolatedDeclarations: false, declaration: false, noUnusedLocals: false });
  const sources = new Map(
    modules.map(({ code }, index) => [join(root, "examples", `block-${index}.ts`), `${code}\nexport {};\n`]),
  );
  // A package that users install, and this project does not.
  sources.set(
    join(root, "examples", "better-sqlite3.d.ts"),
    `declare module "better-sqlite3" {
      const Database: new (path: string) => import("popwright/sqlite").SqliteDatabase;
      export default Database;
    }`,
  );
  const host = ts.createCompilerHost(options);
  const fileExists = host.fileExists.bind(host);
  const readFile = host.readFile.bind(host);
  host.fileExists = (path) => sources.has(path) || fileExists(path);
  host.readFile = (path) => sources.get(path) ?? readFile(path);
  const getSourceFile = host.getSourceFile.bind(host);
  host.getSourceFile = (path, ...rest) => {
    const source = sources.get(path);
    return source === undefined
      ? getSourceFile(path, ...rest)
      : ts.createSourceFile(path, source, ts.ScriptTarget.ES2022);
  };
  const program = ts.createProgram([...sources.keys()], options, host, previous);
  previous = program;
  // Of the blocks alone: the sources have a check of their own.
  const found = [...sources.keys()].flatMap((path) =>
    ts.getPreEmitDiagnostics(program, program.getSourceFile(path)),
  );
  return found.map((problem) => {
    const index = [...sources.keys()].indexOf(problem.file?.fileName ?? "");
    return `${modules[index]?.place ?? problem.file?.fileName ?? "?"}: ${ts.flattenDiagnosticMessageText(problem.messageText, "\n")}`;
  });
}

test("every block compiles as TypeScript", () => {
  expect(blocks.length).toBeGreaterThan(10);
  expect(
    compile(blocks.map(({ place, code, recipe }) => ({ place, code: `${recipe ? PRELUDE : ""}${code}` }))),
  ).toEqual([]);
});

test("every example in a doc comment compiles as TypeScript", async () => {
  const examples = (await Promise.all(SOURCES.map((path) => examplesIn(root, path)))).flat();
  expect(examples.length).toBeGreaterThan(20);
  expect(examples.filter(({ code }) => code === undefined)).toEqual([]);
  // In a block, an example may declare a name that the prelude has.
  expect(
    compile(examples.map(({ place, code = "" }) => ({ place, code: `${EXAMPLE_PRELUDE}{\n${code}\n}` }))),
  ).toEqual([]);
});

test.each([
  "index.ts",
  "bullmq/index.ts",
  "fetch/index.ts",
  "node-pop3/index.ts",
  "oauth2/index.ts",
  "parse/index.ts",
  "postgres/index.ts",
  "redis/index.ts",
  "sqlite/index.ts",
  "testing/index.ts",
])("every function and class of src/%s has an example in its doc comment", async (entry) => {
  const exported = (await import(pathToFileURL(join(root, "src", entry)).href)) as Record<string, unknown>;
  // The default export is a class with a name of its own.
  const names = Object.entries(exported).map(([name, value]) =>
    name === "default" ? (value as { readonly name: string }).name : name,
  );
  const sources = await Promise.all(SOURCES.map((path) => readFile(join(root, path), "utf8")));
  const hasExample = (name: string): boolean =>
    sources.some((source) => {
      const found = new RegExp(`\\*/\nexport (?:async )?(?:function|class) ${name}\\b`).exec(source);
      return (
        found !== null &&
        / @example$/m.test(source.slice(source.lastIndexOf("/**", found.index), found.index))
      );
    });
  expect(names.length).toBeGreaterThan(0);
  expect(names.filter((name) => !hasExample(name))).toEqual([]);
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "popwright-docs-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** Replaces imports of the package by imports of the sources. */
function asSource(code: string): string {
  const entry = (name: string): string => pathToFileURL(join(root, "src", name)).href;
  return code
    .replaceAll('from "popwright"', `from "${entry("index.ts")}"`)
    .replaceAll(/from "popwright\/([\w-]+)"/g, (_, name: string) => `from "${entry(`${name}/index.ts`)}"`);
}

/** Runs a file in a process of its own and returns its output. */
async function outputOf(file: string, environment = { POP3_PASS: "secret" }): Promise<string> {
  const tsx = pathToFileURL(join(root, "node_modules/tsx/dist/esm/index.mjs")).href;
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", tsx, join(folder, file)], {
    cwd: folder,
    env: { ...process.env, ...environment },
    timeout: 150_000,
  });
  return stdout;
}

/** Runs blocks one after another, each on its own maildrop, and returns their output. */
async function run(chosen: readonly Block[]): Promise<string> {
  const runs: string[] = [];
  for (const [index, { code, recipe, place }] of chosen.entries()) {
    const given = recipe ? "const { client, save } = globalThis.given; void [client, save];\n" : "";
    // Only the server of the example is replaced.
    const local = code.replace('host: "pop.example.com",', "...globalThis.given.place,");
    await writeFile(join(folder, `block-${index}.mts`), asSource(given + local));
    runs.push(`await run(${JSON.stringify(place)}, "./block-${index}.mts");`);
  }
  const harness = `
    import { Pop3Client } from "popwright";
    import { Pop3Server } from "popwright/testing";
    async function run(place, block) {
      const messages = ["Subject: one\\r\\nFrom: a@b\\r\\n\\r\\n.first\\r\\n", "Subject: two\\r\\nFrom: c@d\\r\\n\\r\\nsecond\\r\\n"];
      await using server = await Pop3Server.listen({
        users: { "ann@example.com": { pass: "secret", messages, uids: ["uid-1", "uid-2"] } }, tls: true });
      const place_ = { host: server.host, port: server.port, tls: { ca: server.ca } };
      console.log("# " + place);
      const client = ${JSON.stringify(chosen.every(({ recipe }) => recipe))}
        ? await Pop3Client.connect({ ...place_, auth: { user: "ann@example.com", pass: "secret" } }) : undefined;
      globalThis.given = { client, place: place_, save: async () => {} };
      await import(block);
      client?.close();
      console.log("left: " + server.maildrop("ann@example.com").messages.length);
    }
    ${runs.join("\n    ")}
  `;
  await writeFile(join(folder, "harness.mts"), asSource(harness));
  return outputOf("harness.mts");
}

test("every block of JavaScript is JavaScript that Node parses", async () => {
  const scripts = blocks.filter(({ javascript }) => javascript);
  expect(scripts.length).toBeGreaterThan(5);
  for (const { code, place } of scripts) {
    const file = join(folder, code.includes("require(") ? "script.cjs" : "script.mjs");
    await writeFile(file, code);
    const checked = promisify(execFile)(process.execPath, ["--check", file]);
    await expect(checked, place).resolves.toBeDefined();
  }
});

test("the first example is JavaScript that Node runs, and prints the messages", async () => {
  const [first] = blocks;
  expect(first).toMatchObject({ place: expect.stringMatching(/^README/) as string, javascript: true });
  const printed = await run([first as Block]);
  expect(printed.split("\n").slice(1, 4)).toEqual(["1 uid-1 35", "2 uid-2 35", "left: 2"]);
});

test("the first example says that POP3_PASS is not set", async () => {
  await writeFile(join(folder, "first.mts"), asSource(blocks[0]?.code ?? ""));
  await expect(outputOf("first.mts", { POP3_PASS: "" })).rejects.toThrow("POP3_PASS is not set");
});

test("the programs of Getting started run", async () => {
  const programs = blocks.filter(
    ({ place, code }) => place.startsWith("getting-started") && /^import /m.test(code),
  );
  const printed = await run(programs);
  const list = ["1 uid-1 35", "2 uid-2 35", "left: 2"];
  expect(printed.split("\n").filter((line) => !line.startsWith("#"))).toEqual([
    ...list, // as JavaScript
    ...list, // as TypeScript
    "undefined a@b one",
    "undefined c@d two",
    "left: 2",
    "uid-1 35 bytes",
    "uid-2 35 bytes",
    "2 new messages",
    "left: 2",
    "",
  ]);
});

test("the recipes run; two delete the messages, the others leave them", async () => {
  const recipes = blocks.filter(({ recipe }) => recipe);
  expect(recipes.length).toBeGreaterThan(5);
  const printed = await run(recipes);
  // Two of them delete the messages that they saved. The others leave both messages on the server.
  const left = [...printed.matchAll(/^left: (\d)$/gm)].map(([, count]) => count);
  expect(left).toHaveLength(recipes.length);
  expect(left.filter((count) => count === "0")).toHaveLength(2);
  expect(left.filter((count) => count === "2")).toHaveLength(recipes.length - 2);
});

test("the programs print what their comments say", async () => {
  const programs = blocks.filter(({ program }) => program);
  expect(programs.length).toBeGreaterThan(1);
  for (const [index, { code, place }] of programs.entries()) {
    const file = `program-${index}.mts`;
    await writeFile(join(folder, file), asSource(code));
    const said = [...code.matchAll(/^ *console\.log\(.*\); \/\/ (.*)$/gm)].map(([, comment]) => comment);
    expect(said, place).not.toEqual([]);
    expect((await outputOf(file)).trimEnd().split("\n"), place).toEqual(said);
  }
});
