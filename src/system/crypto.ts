// Loads node:crypto at the first login that needs it: loading it takes half as long as loading this package. `process` is
// the global one: an import of node:process reads each of its properties, and so loads node:crypto, streams and terminals.
import type * as nodeCrypto from "node:crypto";

export function crypto(): typeof nodeCrypto {
  return process.getBuiltinModule("node:crypto");
}
