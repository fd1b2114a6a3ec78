// Loads node:crypto at the first login that needs it: loading it takes half as long as loading this package.
import type * as nodeCrypto from "node:crypto";
import process from "node:process";

export function crypto(): typeof nodeCrypto {
  return process.getBuiltinModule("node:crypto");
}
