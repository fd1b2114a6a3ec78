// Checks the options of parseMessage and parseHeaders.
import { printable } from "../protocol/printable.ts";

/** Returns a limit, or its default. Throws if it is not a number from 1 on. */
export function limit(name: string, value: number | undefined, byDefault: number): number {
  if (value === undefined) return byDefault;
  if (typeof value !== "number") throw new TypeError(`${name} must be a number (got ${typeof value})`);
  if (!(value >= 1)) throw new RangeError(`${name} must be a number >= 1 (got ${String(value)})`);
  return value;
}

/** Throws a `TypeError` for an option that does not exist: a misspelt limit would not limit anything. */
export function checkNames(options: object, names: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new TypeError(`unknown option ${printable(unknown)} (expected ${names.join(", ")})`);
}
