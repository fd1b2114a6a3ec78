// Compiles the benchmark to JavaScript: a loader that compiles at run time would distort memory and time.
import type { Options } from "tsup";

const config: Options = {
  entry: ["main", "guard", "client", "fetch-mail", "load-server", "delay-proxy", "parse"].map(
    (name) => `bench/${name}.ts`,
  ),
  outDir: "bench/dist",
  format: "esm",
  target: "node20",
  // External, so that the benchmark measures the built package, as users have it.
  external: ["popwright", "popwright/fetch", "popwright/testing"],
  splitting: true,
  removeNodeProtocol: false,
  clean: true,
  silent: true,
};

export default config;
