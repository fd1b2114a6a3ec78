// Copies the options of an account. A call may wait for a session, and a session may stay open for reuse: what the
// caller changes in the meantime, in the options or in an object inside them, must not reach them.
import { AUTH_OPTIONS, type Pop3Auth } from "../options/auth.ts";
import { tlsCopyOf } from "../net/tls-values.ts";
import { CLIENT_OPTIONS, type Pop3ClientOptions } from "../options/client.ts";

/** Options with an object of numbers. */
const NESTED: ReadonlySet<string> = new Set(["timeouts", "limits", "pipelining", "scram"]);

/**
 * Copies the options with everything in them, except what has behaviour: functions, streams and mechanisms.
 * Does not check them.
 */
export function copyOf(options: Pop3ClientOptions): Pop3ClientOptions {
  return picked(options, CLIENT_OPTIONS);
}

/** Copies by name, because an instance of a class may have inherited properties. */
function picked<T extends object>(given: T, names: Readonly<Record<keyof T, true>>): T {
  const copy: Partial<Record<keyof T, unknown>> = {};
  for (const name of Object.keys(names) as (keyof T & string)[]) {
    const value: unknown = given[name];
    if (value !== undefined) copy[name] = copied(name, value);
  }
  return copy as T;
}

function copied(name: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return [...(value as unknown[])];
  if (value instanceof URL) return new URL(value);
  if (NESTED.has(name)) return { ...value };
  if (name === "auth") return picked(value as Pop3Auth, AUTH_OPTIONS);
  return name === "tls" ? tlsCopyOf(value) : value;
}
