// Computes a digest of TLS options by value. Equal options share TLS sessions and contexts, and a changed
// value is noticed: whatever could change the verdict about a certificate is part of the digest.
import type { ConnectionOptions } from "node:tls";
import type * as tls from "node:tls";
import { crypto } from "../system/crypto.ts";
import { DEPTH, isPlain, tlsValueOf } from "./tls-values.ts";

/** Numbers for what cannot be compared by value: functions, and objects of a class. */
const identities = new WeakMap<object, number>();
let last = 0;

type Piece = (type: string, content: string | Uint8Array) => void;

/** Returns a digest of the options, and of the defaults of the process that complete them. */
export function tlsFingerprint({ ca, ...options }: ConnectionOptions): string {
  return digestOf(...defaults(), options, digestOfBundle(ca));
}

interface Bundle {
  readonly ca: unknown;
  readonly digest: string;
}

/**
 * The values of `ca` with their digests, the one used last first. To hash 140 certificates takes 0.4 ms, a tenth of a
 * poll, and to compare them next to nothing. Only `ca` is kept like this, because it is public.
 */
const bundles: Bundle[] = [];
const MOST_BUNDLES = 64;

function digestOfBundle(ca: unknown): string {
  const at = bundles.findIndex((each) => isSame(each.ca, ca));
  const bundle = bundles.splice(at, at === -1 ? 0 : 1)[0] ?? { ca: tlsValueOf(ca), digest: digestOf(ca) };
  // Something else than strings, bytes and lists of them is not the same as its copy, and is not kept.
  if (isSame(bundle.ca, ca)) bundles.unshift(bundle);
  if (bundles.length > MOST_BUNDLES) bundles.pop();
  return bundle.digest;
}

/** Whether both are the same string, the same bytes, or lists of the same strings and bytes. */
function isSame(one: unknown, other: unknown): boolean {
  if (one instanceof Uint8Array) return other instanceof Uint8Array && Buffer.compare(one, other) === 0;
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((each, index) => isSame(each, other[index]));
  return typeof one === "string" && one === other;
}

function digestOf(...values: readonly unknown[]): string {
  const hash = crypto().createHash("sha256");
  // Text is hashed together: most values are short, and each call takes a microsecond.
  let text = "";
  // Each piece has its type and length, so two different values never give the same octets.
  const piece: Piece = (type, content) => {
    text += `${type}${String(content.length)}:`;
    if (typeof content === "string") text += content;
    else {
      hash.update(text).update(content);
      text = "";
    }
  };
  for (const value of values) write(value, piece, DEPTH);
  return hash.update(text).digest("base64");
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

function identity(value: object): number {
  const known = identities.get(value);
  if (known !== undefined) return known;
  identities.set(value, ++last);
  return last;
}
