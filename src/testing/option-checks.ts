// Checks the options of the servers and of certificates: a table has each option with the check of its value.
import { types } from "node:util";
import {
  argumentError,
  checkBoolean,
  checkDuration,
  checkFunction,
  checkNames,
  checkNumber,
  checkObject,
} from "../options/checks.ts";
import { checkString, checkText, configError, shown } from "../options/checks.ts";
import type { TimeUnit } from "../options/checks.ts";
import { typeOf } from "../protocol/printable.ts";

/** Throws if a value that is given is wrong. `what`: the option, as the error names it. */
type Check = (what: string, value: unknown) => void;

/** The check of each option. The compiler reports a missing one. */
export type Checks<O> = Readonly<Record<keyof O, Check>>;

/** Throws `POP3_CONFIG` if a name is unknown or a value is wrong. `table`: the name of the options, as errors show it. */
export function checkOptions<O extends object>(table: string, given: O, checks: Checks<O>): void {
  checkNames(table, given, Object.keys(checks));
  for (const [name, check] of Object.entries<Check>(checks)) {
    const value = (given as Readonly<Record<string, unknown>>)[name];
    if (value !== undefined) check(`${table}.${name}`, value);
  }
}

export const isSwitch: Check = (what, value) => checkBoolean(what, value);
export const isCallback: Check = (what, value) => checkFunction(what, value);
export const isString: Check = (what, value) => checkString(what, value);
export const isText: Check = (what, value) => checkText(what, value);
export const isObject: Check = (what, value) => checkObject(what, value);

export const isNumber =
  (least: number): Check =>
  (what, value) =>
    checkNumber(what, value, least);

/** A time, as a number of `unit` or as a text. `least`: the shortest one. */
export const isTime =
  (unit: TimeUnit, least = 0): Check =>
  (what, value) => {
    if (checkDuration(what, value, unit) < least)
      throw configError(`${what} must be at least ${String(least)} ${unit} (got ${shown(value)})`);
  };

export const isWhole =
  (least: number, most: number): Check =>
  (what, value) => {
    if (!(Number.isInteger(value) && (value as number) >= least && (value as number) <= most))
      throw configError(
        `${what} must be an integer from ${String(least)} to ${String(most)} (got ${shown(value)})`,
      );
  };

export const isListOf =
  (each: Check): Check =>
  (what, value) => {
    if (!Array.isArray(value)) throw configError(`${what} must be an array (got ${shown(value)})`);
    for (const [index, item] of value.entries()) each(`${what}[${String(index)}]`, item);
  };

/** `expected`: what passes `test`, as the error says it. */
export const is =
  (expected: string, test: (value: unknown) => boolean): Check =>
  (what, value) => {
    if (!test(value)) throw configError(`${what} must be ${expected} (got ${shown(value)})`);
  };

/** As {@link is}, for a secret: the error shows the type alone. */
export const isSecretly =
  (expected: string, test: (value: unknown) => boolean): Check =>
  (what, value) => {
    if (!test(value)) throw configError(`${what} must be ${expected} (got ${typeOf(value)})`);
  };

export const isSecret: Check = isSecretly("a string", (value) => typeof value === "string");
export const isMessage: Check = is("a string, Buffer or Uint8Array", isMessageSource);
export const isTls: Check = is(
  "true, false or an object of options of node:tls",
  (value) => typeof value === "boolean" || isPlain(value),
);
export const isDate: Check = is(
  "a valid Date",
  (value) => types.isDate(value) && !Number.isNaN(value.getTime()),
);

export function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isMessageSource(value: unknown): value is string | Uint8Array {
  return typeof value === "string" || types.isUint8Array(value);
}

/** Throws `POP3_INVALID_ARGUMENT` if the message is not text or bytes. */
export function checkMessage(what: string, value: unknown): void {
  if (!isMessageSource(value))
    throw argumentError(`${what} must be a string, Buffer or Uint8Array (got ${shown(value)})`);
}
