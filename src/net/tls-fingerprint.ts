// Computes a digest of TLS options by value. Equal options share TLS sessions and contexts, and a changed
// value is noticed: whatever could change the verdict about a certificate is part of the digest.
import type { ConnectionOptions } from "node:tls";
import type * as tls from "node:tls";
import { crypto } from "../auth/crypto.ts";

/** How deep options are compared by value. A deeper object, as in a cycle, is compared by identity. */
const DEPTH = 6;

/** Numbers for what cannot be compared by value: functions, and objects of a class. */
const identities = new WeakMap<object, number>();
let last = 0;

type Piece = (type: string, content: string | Uint8Array) => void;

/** Returns a digest of the options, and of the defaults of the process that complete them. */
export function tlsFingerprint(options: ConnectionOptions): string {
  const hash = crypto().createHash("sha256");
  // Each piece has its type and length, so two different values never give the same octets.
  const piece: Piece = (type, content) => {
    hash.update(`${type}${String(content.length)}:`).update(content);
  };
  for (const value of defaults()) write(value, piece, DEPTH);
  write(options, piece, DEPTH);
  return hash.digest("base64");
}

/** What a program can change for the whole process. */
function defaults(): unknown[] {
  // In newer versions of Node; the same array until setDefaultCACertificates() is called.
  const node = process.getBuiltinModule("node:tls") as typeof tls & {
    getCACertificates?: (kind: "default") => object;
  };
  const authorities = node.getCACertificates?.("default");
  return [
    node.DEFAULT_CIPHERS,
    node.DEFAULT_ECDH_CURVE,
    node.DEFAULT_MIN_VERSION,
    node.DEFAULT_MAX_VERSION,
    authorities && identity(authorities),
  ];
}

function write(value: unknown, piece: Piece, depth: number): void {
  if (typeof value === "string") piece("s", value);
  else if (ArrayBuffer.isView(value))
    piece("b", new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  else if (typeof value === "function") piece("i", String(identity(value)));
  else if (typeof value !== "object" || value === null) piece("p", `${typeof value} ${String(value)}`);
  else if (depth === 0 || !isPlain(value)) piece("i", String(identity(value)));
  else if (Array.isArray(value)) {
    piece("a", String(value.length));
    for (const each of value as unknown[]) write(each, piece, depth - 1);
  } else {
    const entries = Object.entries(value).filter(([, each]) => each !== undefined);
    piece("o", String(entries.length));
    for (const [name, each] of entries.sort(([one], [other]) => (one < other ? -1 : 1))) {
      piece("n", name);
      write(each, piece, depth - 1);
    }
  }
}

/** Whether an object is compared by value: an array, or an object of no class. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

function identity(value: object): number {
  const known = identities.get(value);
  if (known !== undefined) return known;
  identities.set(value, ++last);
  return last;
}
