// Peers are installed beside the benchmark, and found by name at run time: the project does not depend on them.
import { createRequire } from "node:module";

// The built benchmark lies in bench/dist/.
const require = createRequire(new URL("../package.json", import.meta.url));

/** The module as ESM gives it, where it has such a form; what CommonJS exports is its default. */
export async function peer<T>(name: string): Promise<T> {
  const module = (await import(name)) as { default: T };
  return module.default;
}

export function peerVersion(name: string): string {
  const manifest = require("./package.json") as { dependencies: Readonly<Record<string, string>> };
  return manifest.dependencies[name] ?? "?";
}
