// Parses JSON with comments and remembers the line of each value, so that an error in a file can name its line.
import { visit, type JSONPath } from "jsonc-parser";
import { printable } from "../protocol/printable.ts";

/** A path into a document, such as `accounts[2].url`. */
export type JsonPath = string;

export interface JsonDocument {
  readonly value: unknown;
  /** Returns the line of a value, counted from 1. If the value is missing: the line of the nearest parent. */
  lineOf(path: JsonPath): number;
}

/** A syntax error, with its line. */
export class JsonSyntaxError extends Error {
  override readonly name = "JsonSyntaxError";
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/** Parses a document. Throws {@link JsonSyntaxError}. */
export function parseJsonLines(given: string): JsonDocument {
  const text = given.replace(/^\ufeff/, "");
  const { value, offsets } = new Builder(text).build();
  return {
    value,
    lineOf(path) {
      for (let at = path; at !== ""; at = at.replace(/(?:\.|^)[^.[\]]+$|\[\d+\]$/, "")) {
        const offset = offsets.get(at);
        if (offset !== undefined) return lineAt(text, offset);
      }
      return lineAt(text, offsets.get("") ?? 0);
    },
  };
}

/** A string up to its first invalid escape sequence. */
const BAD_ESCAPE =
  /^"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*(\\[^"\\/bfnrt\u0000-\u001f])/;
const VALUE = "a value";
const KEY = "a key in double quotes";
/** The maximal depth: more than any configuration needs. */
const DEEPEST = 32;

type Container = Record<string, unknown> | unknown[];

/** Builds the value from what the scanner of jsonc-parser finds, and stops at the first error. */
class Builder {
  readonly #text: string;
  /** Where each value is. The line is counted only for an error: to count it for each value takes minutes for a large file. */
  readonly #offsets: Map<JsonPath, number> = new Map();
  /** The objects and lists that are not closed yet, the innermost last. */
  readonly #open: Container[] = [];
  #key = "";
  /** What the next token must be. */
  #expected = VALUE;
  #value: unknown;

  constructor(text: string) {
    this.#text = text;
  }

  build(): { readonly value: unknown; readonly offsets: ReadonlyMap<JsonPath, number> } {
    const begin =
      (create: () => Container) =>
      (offset: number, _length: number, _line: number, _character: number, path: () => JSONPath): void => {
        if (this.#open.length >= DEEPEST) throw this.#wrong(`at most ${String(DEEPEST)} levels`, offset);
        const container = create();
        this.#add(container, path(), offset);
        this.#open.push(container);
        this.#expected = Array.isArray(container) ? VALUE : KEY;
      };
    const end = (offset: number): void => {
      // It is reported at the end of the file, too.
      if (!/[\]}]/.test(this.#text[offset] ?? "")) throw this.#wrong(this.#expected, offset);
      this.#open.pop();
      this.#expected = this.#afterValue();
    };
    visit(
      this.#text,
      {
        onObjectBegin: begin(() => ({})),
        onArrayBegin: begin(() => []),
        onObjectEnd: end,
        onArrayEnd: end,
        onObjectProperty: (key, offset, _length, _line, _character, path) => {
          this.#property(key, [...path(), key], offset);
          this.#expected = '":"';
        },
        onLiteralValue: (value: unknown, offset, _length, _line, _character, path) => {
          this.#add(value, path(), offset);
          this.#expected = this.#afterValue();
        },
        onSeparator: (mark) => {
          this.#expected = mark === ":" || Array.isArray(this.#open.at(-1)) ? VALUE : KEY;
        },
        onError: (_code, offset) => {
          const isComment = this.#text.startsWith("/*", offset);
          throw this.#wrong(isComment ? "the end of a comment" : this.#expected, offset);
        },
      },
      { allowEmptyContent: false },
    );
    return { value: this.#value, offsets: this.#offsets };
  }

  #property(key: string, path: JSONPath, offset: number): void {
    if (Object.hasOwn(this.#open.at(-1) ?? {}, key))
      throw new JsonSyntaxError(`duplicate key "${printable(key)}"`, lineAt(this.#text, offset));
    this.#key = key;
    this.#offsets.set(pathText(path), offset);
  }

  #add(value: unknown, path: JSONPath, offset: number): void {
    const container = this.#open.at(-1);
    if (container === undefined) this.#value = value;
    else if (Array.isArray(container)) container.push(value);
    // Not by assignment: "__proto__" is a key like any other.
    else Object.defineProperty(container, this.#key, { value, ...ORDINARY });
    const name = pathText(path);
    // The line of a key is that of its name.
    if (container === undefined || Array.isArray(container)) this.#offsets.set(name, offset);
  }

  /** What can follow a value: the end, or another value of the same container. */
  #afterValue(): string {
    const container = this.#open.at(-1);
    if (container === undefined) return "the end of the file";
    return Array.isArray(container) ? '"," or "]"' : '"," or "}"';
  }

  #wrong(expected: string, offset: number): JsonSyntaxError {
    const line = lineAt(this.#text, offset);
    // The usual cause is a path of Windows: "C:\Mail".
    const [, escape] = BAD_ESCAPE.exec(this.#text.slice(offset)) ?? [];
    if (escape !== undefined)
      return new JsonSyntaxError(
        `"${printable(escape)}" is not an escape sequence of JSON: write "\\\\" for a backslash, or "/" in a path`,
        line,
      );
    const found = this.#text[offset];
    return new JsonSyntaxError(
      `expected ${printable(expected)}, found ${found === undefined ? "the end of the file" : printable(JSON.stringify(found))}`,
      line,
    );
  }
}

const ORDINARY = { enumerable: true, writable: true, configurable: true } as const;

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

/** Writes a path as errors show it: `accounts[2].url`. */
function pathText(path: JSONPath): JsonPath {
  return path
    .map((each) => (typeof each === "number" ? `[${String(each)}]` : `.${each}`))
    .join("")
    .replace(/^\./, "");
}
