// Two builds of one source, a file for each entry of "exports"; what the entries share lies in common chunks.
import { readFileSync } from "node:fs";
import type { Options } from "tsup";

const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly version: string };

const config: Options = {
  entry: {
    index: "src/index.ts",
    fetch: "src/fetch/index.ts",
    cli: "src/cli/main.ts",
    parse: "src/parse/index.ts",
    testing: "src/testing/index.ts",
  },
  format: ["esm", "cjs"],
  target: "node20",
  define: { POPWRIGHT_VERSION: JSON.stringify(version) },
  // TypeScript 6 warns about options that this version sets.
  dts: { compilerOptions: { ignoreDeprecations: "6.0" } },
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
        return { code: renamed };
      },
    },
  ],
  removeNodeProtocol: false,
  clean: true,
  silent: true,
};

export default config;
