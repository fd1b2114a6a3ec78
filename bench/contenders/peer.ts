// Loads the other clients by name at run time. They are installed in bench/, so that the project does not
// depend on them.
import { createRequire } from "node:module";

// The built benchmark is in bench/dist/.
const require = createRequire(new URL("../package.json", import.meta.url));

/** Loads a module, as ESM if it has that form. The exports of a CommonJS module are its default export. */
export async function peer<T>(name: string): Promise<T> {
  const module = (await import(name)) as { default: T };
  return module.default;
}

export function peerVersion(name: string): string {
  const manifest = require("./package.json") as { dependencies: Readonly<Record<string, string>> };
  return manifest.dependencies[name] ?? "?";
}
