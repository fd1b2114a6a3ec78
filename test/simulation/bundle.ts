// Bundles the program of the simulated processes with the sources of popwright, and runs it in a process: each has
// modules of its own, so what one process remembers another one does not know.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";
import { build } from "esbuild";
import type { Patch } from "./bugs.ts";
import type { SimulatedProcess } from "./process.ts";
import type { Orders, Program } from "./program/main.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The names that a simulated process has in place of those of Node. */
const NAMES = [
  ...["require", "Date", "Math", "performance", "process"],
  ...["setTimeout", "setInterval", "setImmediate", "clearTimeout", "clearInterval", "clearImmediate"],
];

type Module = (
  module: { exports: { start?: (orders: Orders) => Program } },
  exports: object,
  ...given: readonly unknown[]
) => void;

export class Bundle {
  readonly #run: Module;
  /** The name of the script, for V8. */
  readonly filename = "simulated-program.js";
  /** The bundled code. */
  readonly code: string;
  /** Where it comes from: a source map. */
  readonly map: string;
  /** The code in the function that gets the names of Node. */
  readonly source: string;

  private constructor(code: string, map: string) {
    this.code = code;
    this.map = map;
    this.source = `(function (module, exports, ${NAMES.join(", ")}) {${code}\n})`;
    this.#run = new Script(this.source, { filename: this.filename }).runInThisContext() as Module;
  }

  /** `patches`: bugs to plant. Rejects if one of them does not fit the sources any more. */
  static async build(patches: readonly Patch[] = []): Promise<Bundle> {
    const left = new Set(patches);
    const { outputFiles } = await build({
      entryPoints: [`${ROOT}test/simulation/program/main.ts`],
      absWorkingDir: ROOT,
      bundle: true,
      write: false,
      outfile: "simulated-program.js",
      sourcemap: "external",
      platform: "node",
      format: "cjs",
      target: "node20",
      packages: "external",
      // Else esbuild keeps `import()`, which a script without a file cannot call.
      supported: { "dynamic-import": false },
      logLevel: "silent",
      plugins: [
        {
          name: "planted-bugs",
          setup(building) {
            if (patches.length === 0) return;
            building.onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => {
              let contents = await readFile(path, "utf8");
              for (const patch of patches.filter(({ file }) => path === `${ROOT}${file}`)) {
                if (contents.split(patch.find).length !== 2)
                  throw new Error(`${patch.file} does not have this once: ${patch.find}`);
                contents = contents.replace(patch.find, () => patch.by);
                left.delete(patch);
              }
              return { contents, loader: "ts" };
            });
          },
        },
      ],
    });
    if (left.size > 0) throw new Error(`not in the bundle: ${[...left].map(({ file }) => file).join(", ")}`);
    const [map, code] = [".map", ".js"].map(
      (end) => outputFiles.find(({ path }) => path.endsWith(end))?.text,
    );
    return new Bundle(code ?? "", map ?? "");
  }

  /** Starts the program in a process. */
  start(process: SimulatedProcess, orders: Orders): Program {
    const globals = process.globals();
    const module: { exports: { start?: (orders: Orders) => Program } } = { exports: {} };
    this.#run(module, module.exports, ...NAMES.map((name) => globals[name]));
    const { start } = module.exports;
    if (start === undefined) throw new Error("the program exports no start()");
    return start(orders);
  }
}
