// Types end where JavaScript begins: what comes from a file or from the environment is looked at.
import { Pop3Error } from "../errors.ts";

export function checkObject(what: string, value: unknown): void {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw configError(`${what} is an object`);
}

export function checkBoolean(what: string, value: unknown): void {
  // "false" would be true.
  if (value !== undefined && typeof value !== "boolean") throw configError(`${what} is true or false`);
}

/** The defaults, with what was given in their place. */
export function withDefaults<T extends object>(what: string, defaults: T, given: Partial<T> = {}): T {
  checkObject(what, given);
  const known = defaults as Record<string, number>;
  const result: Record<string, number> = { ...known };
  for (const [name, value] of Object.entries<unknown>(given)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(known, name)) throw configError(`${what} has no "${name}"`);
    if (typeof value !== "number" || Number.isNaN(value) || value < 0)
      throw configError(`${what}.${name} is a number from 0 on`);
    if (what === "timeouts" && value === 0)
      throw configError(`timeouts.${name} is 0: Infinity stops the clock`);
    result[name] = value;
  }
  return result as T;
}

/** Throws where a value is given that is none of `choices`. */
export function checkOneOf(name: string, value: unknown, choices: readonly string[]): void {
  if (value !== undefined && !choices.includes(value as string))
    throw configError(`${name} is one of ${choices.join(", ")}`);
}

export function configError(message: string): Pop3Error {
  return new Pop3Error("POP3_CONFIG", message);
}
