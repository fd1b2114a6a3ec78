// Compiles the benchmark to JavaScript: a loader that compiles at run time would distort memory and time.
import type { Options } from "tsup";

const PROGRAMS = [
  ...["main", "guard", "client", "fetch-mail", "load-server", "delay-proxy", "parse"],
  ...["main", "hosts", "worker", "single"].map((name) => `fleet/${name}`),
];

const config: Options = {
  // In folders, as a program of one may have the name of another's.
  entry: Object.fromEntries(PROGRAMS.map((name) => [name, `bench/${name}.ts`])),
  outDir: "bench/dist",
  format: "esm",
  target: "node20",
  // External, so that the benchmark measures the built package, as users have it.
  external: [/^popwright/],
  splitting: true,
  removeNodeProtocol: false,
  clean: true,
  silent: true,
};

export default config;
