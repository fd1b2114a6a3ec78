// Memory is what is left of it when nobody needs the rest: when the collector runs by itself is up to the runtime.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");

/** All of it, at once. */
export const collectGarbage = runInNewContext("globalThis.gc ?? (() => Bun.gc(true))", {
  Bun: (globalThis as { Bun?: unknown }).Bun,
}) as () => void;
