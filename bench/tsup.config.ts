// The benchmark as plain JavaScript: a loader that compiles while it runs would show in memory and in time.
import type { Options } from "tsup";

const config: Options = {
  entry: ["main", "guard", "client", "load-server", "delay-proxy"].map((name) => `bench/${name}.ts`),
  outDir: "bench/dist",
  format: "esm",
  target: "node20",
  // By its name: what is measured is the built package, as users have it.
  external: ["popwright", "popwright/testing"],
  splitting: true,
  removeNodeProtocol: false,
  clean: true,
  silent: true,
};

export default config;
