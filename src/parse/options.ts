// Checks the arguments of the parser. All that is wrong is `POP3_INVALID_ARGUMENT`: a misspelt limit would not limit
// anything.
import { types } from "node:util";
import { argumentError, checkNames, checkNumber, checkObject, shown } from "../options/checks.ts";

/** Throws if the options are not an object, or have a name that does not exist. */
export function checkParseOptions(options: object, names: readonly string[]): void {
  checkObject("options", options, argumentError);
  checkNames("parse", options, names, argumentError);
}

/** Returns a limit, or its default. Throws if it is not a number >= 1. */
export function limit(name: string, value: number | undefined, byDefault: number): number {
  if (value === undefined) return byDefault;
  checkNumber(`parse.${name}`, value, 1, argumentError);
  return value;
}

/** Throws if the value is not bytes. */
export function checkOctets(what: string, value: unknown): asserts value is Uint8Array {
  if (!types.isUint8Array(value))
    throw argumentError(`${what} must be a Buffer or Uint8Array (got ${shown(value)})`);
}
