// Node's cryptography, loaded by the first login that needs it: that takes as long as half of this package.
import type * as nodeCrypto from "node:crypto";
import process from "node:process";

export function crypto(): typeof nodeCrypto {
  return process.getBuiltinModule("node:crypto");
}
