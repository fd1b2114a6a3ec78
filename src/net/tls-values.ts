// Says what of TLS options is compared by value, and copies it: arrays, objects of no class, and bytes.

/** How deep options are compared and copied. A deeper object, as in a cycle, is compared by identity. */
export const DEPTH = 6;

/** Whether an object is compared by value: an array, or an object of no class. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

/** Copies the own properties, with everything in them that is compared by value. */
export function tlsCopyOf(options: object, depth: number = DEPTH): object {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name, tlsValueOf(value, depth - 1)]),
  );
}

/** Copies one value of the options. */
export function tlsValueOf(value: unknown, depth: number = DEPTH - 1): unknown {
  if (typeof value !== "object" || value === null || depth === 0) return value;
  if (Array.isArray(value)) return value.map((each) => tlsValueOf(each, depth - 1));
  if (value instanceof Uint8Array) return Buffer.from(value);
  return isPlain(value) ? tlsCopyOf(value, depth) : value;
}
