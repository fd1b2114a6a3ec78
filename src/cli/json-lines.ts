// JSON, and the line on which each value begins: so that what is wrong with a file can be shown where it is.

/** A path into a document, as people write it: `accounts[2].url`. */
export type JsonPath = string;

export interface JsonDocument {
  readonly value: unknown;
  /** The line of a value, from 1 on; of the nearest that is there, where it is missing. */
  lineOf(path: JsonPath): number;
}

/** What is no JSON, with the line where it is wrong. */
export class JsonSyntaxError extends Error {
  override readonly name = "JsonSyntaxError";
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/** Throws {@link JsonSyntaxError}. */
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
// RFC 8259 section 7: controls are written as escapes.
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
/** A string as far as its first escape sequence that JSON does not have. */
const BAD_ESCAPE =
  /^"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*(\\[^"\\/bfnrt\u0000-\u001f])/;
/** Deeper than any configuration. */
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
    if (this.#at < this.#text.length) throw this.#wrong("nothing more");
    return value;
  }

  #value(path: JsonPath, depth: number): unknown {
    this.#space();
    this.#lines.set(path, this.#lineHere());
    if (depth > DEEPEST) throw this.#wrong("less depth");
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
      if (Object.hasOwn(object, key)) throw new JsonSyntaxError(`"${key}" is there twice`, line);
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
    // Windows separates the parts of a path by backslashes: "C:\Mail".
    const [, escape] = BAD_ESCAPE.exec(this.#text.slice(this.#at)) ?? [];
    if (escape !== undefined)
      return new JsonSyntaxError(
        `"${escape}" is not an escape sequence of JSON: write "\\\\" for a backslash, or "/" in a path`,
        line,
      );
    return new JsonSyntaxError(
      `${expected} is expected here, not ${found === undefined ? "the end" : JSON.stringify(found)}`,
      line,
    );
  }
}
