// Parses JSON and remembers the line of each value, so that an error in a file can name its line.
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
export function parseJsonLines(text: string): JsonDocument {
  const lines = new Map<JsonPath, number>();
  const reader = new Reader(text, lines);
  const value = reader.document();
  return {
    value,
    lineOf(path) {
      for (let at = path; at !== ""; at = at.replace(/(?:\.|^)[^.[\]]+$|\[\d+\]$/, "")) {
        const line = lines.get(at);
        if (line !== undefined) return line;
      }
      return lines.get("") ?? 1;
    },
  };
}

const SPACE = /[ \t\r\n]*/y;
const LITERAL = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// RFC 8259 section 7: control characters must be escaped.
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
/** A string up to its first invalid escape sequence. */
const BAD_ESCAPE =
  /^"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*(\\[^"\\/bfnrt\u0000-\u001f])/;
/** The maximal depth: more than any configuration needs. */
const DEEPEST = 32;

class Reader {
  readonly #text: string;
  readonly #lines: Map<JsonPath, number>;
  #at = 0;
  #line = 1;
  #counted = 0;

  constructor(text: string, lines: Map<JsonPath, number>) {
    this.#text = text.replace(/^\ufeff/, "");
    this.#lines = lines;
  }

  document(): unknown {
    const value = this.#value("", 0);
    this.#space();
    if (this.#at < this.#text.length) throw this.#wrong("the end of the file");
    return value;
  }

  #value(path: JsonPath, depth: number): unknown {
    this.#space();
    this.#lines.set(path, this.#lineHere());
    if (depth > DEEPEST) throw this.#wrong(`at most ${String(DEEPEST)} levels`);
    if (this.#take("{")) return this.#object(path, depth);
    if (this.#take("[")) return this.#array(path, depth);
    const string = this.#match(STRING);
    if (string !== undefined) return JSON.parse(string);
    const literal = this.#match(LITERAL);
    if (literal === undefined) throw this.#wrong("a value");
    return JSON.parse(literal);
  }

  #object(path: JsonPath, depth: number): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    this.#space();
    if (this.#take("}")) return object;
    do {
      this.#space();
      const line = this.#lineHere();
      const string = this.#match(STRING);
      if (string === undefined) throw this.#wrong("a key in double quotes");
      const key = JSON.parse(string) as string;
      if (Object.hasOwn(object, key)) throw new JsonSyntaxError(`duplicate key "${printable(key)}"`, line);
      this.#space();
      if (!this.#take(":")) throw this.#wrong('":"');
      const below = path === "" ? key : `${path}.${key}`;
      const value = this.#value(below, depth + 1);
      Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
      this.#lines.set(below, line);
      this.#space();
    } while (this.#take(","));
    if (!this.#take("}")) throw this.#wrong('"," or "}"');
    return object;
  }

  #array(path: JsonPath, depth: number): unknown[] {
    const array: unknown[] = [];
    this.#space();
    if (this.#take("]")) return array;
    do array.push(this.#value(`${path}[${String(array.length)}]`, depth + 1));
    while ((this.#space(), this.#take(",")));
    if (!this.#take("]")) throw this.#wrong('"," or "]"');
    return array;
  }

  #space(): void {
    this.#match(SPACE);
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const [match] = pattern.exec(this.#text) ?? [];
    if (match === undefined) return undefined;
    this.#at = pattern.lastIndex;
    return match;
  }

  #lineHere(): number {
    for (; this.#counted < this.#at; this.#counted++) if (this.#text[this.#counted] === "\n") this.#line++;
    return this.#line;
  }

  #wrong(expected: string): JsonSyntaxError {
    const line = this.#lineHere();
    const found = this.#text[this.#at];
    // The usual cause is a path of Windows: "C:\Mail".
    const [, escape] = BAD_ESCAPE.exec(this.#text.slice(this.#at)) ?? [];
    if (escape !== undefined)
      return new JsonSyntaxError(
        `"${printable(escape)}" is not an escape sequence of JSON: write "\\\\" for a backslash, or "/" in a path`,
        line,
      );
    return new JsonSyntaxError(
      `expected ${expected}, found ${found === undefined ? "the end of the file" : printable(JSON.stringify(found))}`,
      line,
    );
  }
}
