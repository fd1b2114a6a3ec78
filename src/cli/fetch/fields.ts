// Reads the values of a configuration file with their types. An error names the file, the line and the key.
import { Pop3Error } from "../../index.ts";
import { nearest, suggestion } from "../../options/checks.ts";
import { printable } from "../../protocol/printable.ts";
import type { JsonDocument, JsonPath } from "../json-lines.ts";
import { ConfigurationError, UsageError } from "../usage-error.ts";
import { wordsOfCommand } from "./command-words.ts";

export type Table = Readonly<Record<string, unknown>>;

/** Keys that users try first, in lower case, and what to do instead. */
export type Hints = ReadonlyMap<string, string>;

/** The most characters of an unknown key that an error shows. */
const LONGEST_KEY = 80;

/** What an error says instead of a key that would hold a secret. */
export const SECRET_HINTS: Hints = new Map([
  ...["password", "pass"].map(
    (key) => [key, ": use passwordEnv or passwordCommand, so that the file contains no secret"] as const,
  ),
  ...["token", "accesstoken"].map(
    (key) => [key, ": use login, tokenEnv or tokenCommand, so that the file contains no secret"] as const,
  ),
]);

export class Fields {
  readonly #file: string;
  readonly #document: JsonDocument;

  constructor(file: string, document: JsonDocument) {
    this.#file = file;
    this.#document = document;
  }

  /** Checks that a value is an object, and if `names` are given, that it has no other keys. */
  table(path: JsonPath, value: unknown, names?: readonly string[], hints: Hints = SECRET_HINTS): Table {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw this.wrong(path, "must be an object");
    if (names !== undefined) this.#checkKeys(path, value, names, hints);
    return value as Table;
  }

  #checkKeys(path: JsonPath, value: object, names: readonly string[], hints: Hints): void {
    const full = (key: string): string => (path === "" ? key : `${path}.${key}`);
    for (const key of Object.keys(value)) {
      if (names.includes(key)) continue;
      const hinted = nearest(key, names) === undefined ? hints.get(key.toLowerCase()) : undefined;
      const hint = hinted ?? suggestion(key, names, (each) => each);
      throw this.at(full(key), `${printable(full(key)).slice(0, LONGEST_KEY)} is unknown${printable(hint)}`);
    }
  }

  string(path: JsonPath, value: unknown): string | undefined {
    if (value === undefined || (typeof value === "string" && value !== "")) return value;
    throw this.wrong(path, "must be a non-empty string");
  }

  count(path: JsonPath, value: unknown): number | undefined {
    if (value === undefined || (Number.isInteger(value) && (value as number) > 0)) return value as undefined;
    throw this.wrong(path, `must be a whole number >= 1 (got ${printable(JSON.stringify(value))})`);
  }

  /** Reads a program and its arguments: a list, or one line that is split at its spaces. */
  command(path: JsonPath, value: unknown): readonly string[] | undefined {
    if (value === undefined) return undefined;
    if (typeof value === "string" && value.trim() !== "")
      return this.#named(path, () => wordsOfCommand(value));
    const strings =
      Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === "string");
    if (strings) return value;
    throw this.wrong(path, "must be a command: a non-empty string or list of strings");
  }

  /** Returns the value if `check` accepts it. What it says against it becomes an error about this key. */
  checked<T>(path: JsonPath, value: T | undefined, check: (value: T) => unknown): T | undefined {
    if (value !== undefined) this.#named(path, () => check(value));
    return value;
  }

  /**
   * Creates an object of the library from the values of this key. `name`: how its errors name the key, so that an error about
   * an option gets the line of that option.
   */
  created(path: JsonPath, name: string, create: () => unknown): void {
    try {
      create();
    } catch (error) {
      if (!Pop3Error.is(error)) throw error;
      const [, key] = new RegExp(`\\b${name}\\.(\\w+)`).exec(error.message) ?? [];
      throw key === undefined
        ? this.wrong(path, `is wrong: ${error.message}`)
        : this.at(`${path}.${key}`, `${path} is wrong: ${error.message}`);
    }
  }

  #named<R>(path: JsonPath, work: () => R): R {
    try {
      return work();
    } catch (error) {
      const isOurs = error instanceof UsageError || Pop3Error.is(error);
      throw isOurs ? this.wrong(path, `is wrong: ${error.message}`) : error;
    }
  }

  /** Makes an error about a key: its message begins with the key. */
  wrong(path: JsonPath, message: string): ConfigurationError {
    return this.at(path, `${path || "the configuration"} ${message}`);
  }

  /** Makes an error with this message and the line of a key. */
  at(path: JsonPath, message: string): ConfigurationError {
    return new ConfigurationError(
      `${printable(this.#file)}:${String(this.#document.lineOf(path))}: ${message}`,
    );
  }
}
