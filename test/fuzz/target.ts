// Loads a fuzz target twice: as it is, and bundled with its sources, which count the branches that they take.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Script } from "node:vm";
import { build } from "esbuild";
import type { Patch } from "../simulation/bugs.ts";
import { instrument } from "./instrument.ts";

export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));

/** What a file in `targets/` exports. jazzer.js and OSS-Fuzz need `fuzz` alone. */
export interface TargetModule {
  /** Throws, or rejects, if the parser breaks a promise. */
  readonly fuzz: (data: Buffer) => void | Promise<void>;
  /** Parses, and checks nothing: its work must not grow faster than the input. */
  readonly parse?: (data: Buffer) => unknown;
  /** The sources that guide the fuzzer: paths below `src/`, or from `test/` on, without `.ts`. */
  readonly FILES: readonly string[];
  /** The most octets of an input. @default 2048 */
  readonly LONGEST?: number;
  /** Texts that the parser knows, one character for each octet. */
  readonly TOKENS: readonly string[];
}

/** A branch of a source. */
interface Branch {
  readonly file: string;
  readonly line: number;
}

/** A target whose sources count. */
export interface Target extends TargetModule {
  readonly name: string;
  /** How often each branch was taken. */
  readonly hits: Uint32Array;
  /** The branches that were taken while the sources were loaded. */
  readonly loading: ReadonlySet<number>;
  readonly branches: readonly Branch[];
}

/** Loads the target in a file, a path below the root of the repository, without counters. */
export async function loadModule(path: string): Promise<TargetModule> {
  return (await import(pathToFileURL(`${ROOT}${path}`).href)) as TargetModule;
}

/**
 * Loads the target in a file with counters. `patches`: bugs to plant. Rejects if one of them does not fit the sources
 * any more.
 */
export async function loadTarget(path: string, patches: readonly Patch[] = []): Promise<Target> {
  const { FILES, TOKENS, LONGEST } = await loadModule(path);
  const branches: Branch[] = [];
  const tokens = new Set(TOKENS);
  const codes = new Map<string, string>();
  const left = new Set(patches);
  // One after the other, so that a counter has the same number in each run.
  for (const name of FILES.toSorted()) {
    const file = name.startsWith("test/") ? `${name}.ts` : `src/${name}.ts`;
    let source = await readFile(`${ROOT}${file}`, "utf8");
    for (const patch of patches.filter((each) => each.file === file)) {
      source = planted(source, patch);
      left.delete(patch);
    }
    const { code, lines, tokens: found } = instrument(file, source, branches.length);
    codes.set(`${ROOT}${file}`, code);
    branches.push(...lines.map((line) => ({ file, line })));
    for (const token of found) tokens.add(token);
  }
  if (left.size > 0) throw new Error(`not in FILES: ${[...left].map(({ file }) => file).join(", ")}`);
  const hits = new Uint32Array(branches.length);
  const { fuzz, parse } = run(await bundle(path, codes), hits);
  const loading = new Set([...hits.keys()].filter((branch) => hits[branch] !== 0));
  const name = path.replace(/^.*\/|\.ts$/g, "");
  return {
    name,
    hits,
    loading,
    branches,
    fuzz,
    ...(parse && { parse }),
    FILES,
    TOKENS: [...tokens],
    ...(LONGEST && { LONGEST }),
  };
}

/** Returns the source with the bug. */
function planted(source: string, { file, find, by }: Patch): string {
  if (source.split(find).length !== 2) throw new Error(`${file} does not have this once: ${find}`);
  return source.replace(find, () => by);
}

async function bundle(path: string, codes: ReadonlyMap<string, string>): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [`${ROOT}${path}`],
    absWorkingDir: ROOT,
    bundle: true,
    write: false,
    platform: "node",
    format: "cjs",
    target: "node20",
    packages: "external",
    // Else esbuild keeps `import()`, which a script without a file cannot call.
    supported: { "dynamic-import": false },
    logLevel: "silent",
    plugins: [
      {
        name: "counters",
        setup(building) {
          building.onLoad({ filter: /\.ts$/ }, ({ path: each }) => {
            const contents = codes.get(each);
            return contents === undefined ? undefined : { contents, loader: "js" };
          });
        },
      },
    ],
  });
  return outputFiles[0]?.text ?? "";
}

type Wrapper = (
  module: { exports: unknown },
  exports: unknown,
  require: NodeJS.Require,
  hits: Uint32Array,
) => void;

function run(code: string, hits: Uint32Array): TargetModule {
  const source = `(function (module, exports, require, __hits) {${code}\n})`;
  const wrapper = new Script(source, { filename: "fuzz-target.cjs" }).runInThisContext() as Wrapper;
  const module = { exports: {} };
  wrapper(module, module.exports, createRequire(`${ROOT}package.json`), hits);
  return module.exports as TargetModule;
}
