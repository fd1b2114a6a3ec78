// A file for each entry of "exports", as ESM and as CommonJS, with types; and the command line, as ESM alone. What the
// entries share is in chunks with names of their own. The command line also has a copy of imapflow, which it loads when a
// destination needs it: for the library it is an optional peer, but `npx popwright` is to work without a further installation.
import { readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, extname, join, resolve } from "node:path";
import type { Options } from "tsup";
import { bundledLicences } from "./scripts/bundled-licences.ts";

const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly version: string };

/** A module that a chunk contains, and the name of the chunk. The first line that fits counts. */
const CHUNKS = [
  ["src/testing/server.ts", "server"],
  ["src/fetch/run/run.ts", "fetching"],
  ["src/client.ts", "client"],
  ["src/fetch/ledger/ledger-error.ts", "ledgers"],
  ["src/options/checks.ts", "checks"],
  ["src/errors.ts", "errors"],
] as const;

/** The name of a chunk: a digest follows the word "chunk", or the name of a module that is loaded later. */
const CHUNK = /([\w-]+)-[A-Z0-9]{8}(?=\.c?js$)/;

/** The name of a chunk with this content; `undefined` for an empty one. */
function chunkName(code: string): string | undefined {
  const modules = [...code.matchAll(/^\/\/ (src\/\S+\.ts)$/gm)].map(([, path]) => path as string);
  const [, known] = CHUNKS.find(([module]) => modules.includes(module)) ?? [];
  // Within a chunk, a module follows those that it imports.
  return (
    known ??
    modules
      .at(-1)
      ?.replace(/^src\/|\.ts$/g, "")
      .replaceAll("/", "-")
  );
}

type Plugin = NonNullable<Options["esbuildPlugins"]>[number];

/** Modules, and what else each of them counts as a user of. */
const TOGETHER = [
  // All entries share one chunk.
  [
    /[\\/]src[\\/](?:[\w-]+[\\/])?(?:index|main)\.ts$/,
    ["net/settle", "net/abort", "options/call", "protocol/line-reader", "system/error-code"],
  ],
  // What the client loads when it first needs it has a file of its own, and breaks nothing out of that of the client.
  [/[\\/]src[\\/](?:session[\\/]login|net[\\/]tunnel|advice[\\/]examination)\.ts$/, ["client"]],
  [/[\\/]src[\\/]client\.ts$/, ["advice/well-known"]],
] as const;

/**
 * Adds imports without names to modules. esbuild makes a chunk of the modules that the same entries reach, so the
 * imports decide what is in a chunk. Without them a program that imports the client would load fourteen files, and half
 * a millisecond of CPU time is spent on each.
 */
const together: Plugin = {
  name: "together",
  setup(build) {
    for (const [filter, modules] of TOGETHER)
      build.onLoad({ filter }, async ({ path }) => {
        const imports = modules.map((module) => `import "together:${module}";`);
        return { contents: [await readFile(path, "utf8"), ...imports].join("\n"), loader: "ts" };
      });
    build.onResolve({ filter: /^together:/ }, ({ path }) => ({
      path: resolve("src", `${path.slice("together:".length)}.ts`),
      // Or esbuild would leave the import out.
      sideEffects: true,
    }));
  },
};

/** Lets CommonJS require what is loaded later: Jest, for one, cannot import from CommonJS. */
function requireLater(code: string): string {
  return code.replace(/\bimport\(('\.\/[^']+\.cjs')\)/g, "Promise.resolve().then(() => require($1))");
}

/** esbuild names chunks by a digest: a stack trace is to say more than `chunk-66W3E4CM.js`. */
function renameChunks(paths: readonly string[]): void {
  const files = new Map(paths.map((path) => [path, readFileSync(path, "utf8")]));
  const names = new Map<string, string | undefined>();
  for (const [path, code] of files) {
    const [chunk, name] = CHUNK.exec(path) ?? [];
    if (chunk !== undefined) names.set(chunk, name === "chunk" ? chunkName(code) : name);
  }
  if (new Set(names.values()).size < names.size) throw new Error("two chunks have the same name: see CHUNKS");
  for (const [path, code] of files) {
    // An empty chunk is left out, with the imports of it.
    const lines = code.split("\n").filter((line) => {
      const [, chunk = ""] = /^(?:import|require\()\s*'\.\/([\w-]+)\.c?js'\)?;$/.exec(line) ?? [];
      return !names.has(chunk) || names.get(chunk) !== undefined;
    });
    const renamed = requireLater(lines.join("\n")).replace(
      /\b[\w-]+-[A-Z0-9]{8}\b/g,
      (chunk) => names.get(chunk) ?? chunk,
    );
    const [chunk = ""] = CHUNK.exec(path) ?? [];
    if (names.has(chunk)) unlinkSync(path);
    const name = names.get(chunk);
    if (name !== undefined) writeFileSync(join(dirname(path), name + extname(path)), renamed);
    else if (!names.has(chunk)) writeFileSync(path, renamed);
  }
}

const library = {
  entry: {
    index: "src/index.ts",
    bullmq: "src/bullmq/index.ts",
    fetch: "src/fetch/index.ts",
    "node-pop3": "src/node-pop3/index.ts",
    oauth2: "src/oauth2/index.ts",
    parse: "src/parse/index.ts",
    postgres: "src/postgres/index.ts",
    redis: "src/redis/index.ts",
    sqlite: "src/sqlite/index.ts",
    testing: "src/testing/index.ts",
  },
  target: "node20",
  define: { POPWRIGHT_VERSION: JSON.stringify(version) },
  // No source maps: the code is not minified, a stack trace can be followed in it, and maps would double the package.
  sourcemap: false,
  // In CommonJS too, or each entry would have error classes of its own.
  splitting: true,
  // For the sake of CommonJS: without it the chunks pass through a transform that rewrites `??`, `?.` and `import()`.
  treeshake: true,
  plugins: [
    {
      // esbuild names a class that mentions itself `_Pop3Error`, and so would every stack trace and inspection.
      name: "class-names",
      renderChunk(code) {
        const names = [...code.matchAll(/^var (\w+) = class _\1\b/gm)].map(([, name]) => name);
        const renamed =
          names.length === 0 ? code : code.replace(new RegExp(`\\b_(${names.join("|")})\\b`, "g"), "$1");
        // One character outside of ASCII doubles the memory of the code, and the time to read it.
        const ascii = renamed.replace(
          /[^\0-\x7f]/g,
          (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
        );
        return { code: ascii };
      },
    },
    {
      name: "chunk-names",
      buildEnd({ writtenFiles }) {
        renameChunks(writtenFiles.map(({ name }) => name));
      },
    },
  ],
  removeNodeProtocol: false,
  silent: true,
} satisfies Options;

/** The module of the command line that imports imapflow, and the file that it becomes. */
const IMAPFLOW = { module: "src/cli/fetch/places/imapflow.ts", file: "./imapflow.js" };

/** Leaves the copy of imapflow out of all chunks. */
const apart: Plugin = {
  name: "imapflow-apart",
  setup(build) {
    build.onResolve({ filter: /\/imapflow\.ts$/ }, () => ({ path: IMAPFLOW.file, external: true }));
  },
};

/** Puts our own modules in place of packages that imapflow imports, and that nothing here uses. */
const withoutUnused: Plugin = {
  name: "imapflow-without-unused",
  setup(build) {
    build.onResolve({ filter: /^(?:pino|socks)$/ }, ({ path }) => ({ path, namespace: "unused" }));
    build.onLoad({ filter: /.*/, namespace: "unused" }, ({ path }) => ({ contents: UNUSED[path as "pino"] }));
  },
};

const UNUSED = {
  // The option `logger: false` turns the log off.
  pino: "const log = () => undefined; export default () => ({ trace: log, debug: log, info: log, warn: log, error: log, child: () => log });",
  // For the option `proxy` alone.
  socks: "export const SocksClient = undefined;",
};

const imapflow = {
  entry: { imapflow: IMAPFLOW.module },
  format: "esm",
  target: library.target,
  sourcemap: false,
  splitting: false,
  treeshake: false,
  // With popwright come @zone-eu/mailsplit and iconv-lite; the rest is bundled.
  noExternal: [/^(?!(?:@zone-eu\/mailsplit|iconv-lite)(?:$|\/))/],
  // Some of it is CommonJS.
  banner: {
    js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
  },
  esbuildPlugins: [withoutUnused, bundledLicences("dist/imapflow.licences.txt")],
  esbuildOptions(options) {
    options.minifyWhitespace = true;
    options.minifySyntax = true;
    options.legalComments = "none";
  },
  removeNodeProtocol: false,
  silent: true,
} satisfies Options;

const config: Options[] = [
  {
    ...library,
    format: "esm",
    entry: { ...library.entry, cli: "src/cli/main.ts" },
    esbuildPlugins: [apart, together, bundledLicences("dist/cli.licences.txt")],
  },
  imapflow,
  { ...library, format: "cjs", esbuildPlugins: [together] },
  {
    ...library,
    format: ["esm", "cjs"],
    // In CommonJS, `require` returns the export of node-pop3 itself. Rollup sees to the code, this to the types.
    cjsInterop: true,
    dts: {
      only: true,
      // TypeScript 7 loads no types that nothing names: without this line Buffer and the modules of Node are unknown.
      banner: '/// <reference types="node" />',
      // TypeScript 6 warns about options that this version sets.
      compilerOptions: { ignoreDeprecations: "6.0" },
    },
  },
];

export default config;
