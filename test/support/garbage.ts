// Measures memory after a garbage collection, because the runtime decides when the collector runs by itself.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");

/** All of it, at once. */
export const collectGarbage = runInNewContext("globalThis.gc ?? (() => Bun.gc(true))", {
  Bun: (globalThis as { Bun?: unknown }).Bun,
}) as () => void;
