// Parses a field with parameters, such as Content-Type: RFC 2045 section 5.1, RFC 2231, and what senders write.
import { decodeCharset, decodeUnlabelled } from "./charset.ts";
import { decodeText } from "./encoded-words.ts";

/** A field such as `text/plain; charset=utf-8`. */
export interface Structured {
  /** The text before the first parameter, without comments. */
  readonly value: string;
  /** Name in lower case → decoded value. Of two parameters with one name, the first counts. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** One of several parts of a parameter (`name*0*=`, RFC 2231 section 3). */
interface Segment {
  readonly number: number;
  /** Whether the text is percent-encoded. The first such segment begins with the charset and the language. */
  readonly extended: boolean;
  readonly text: string;
}

/** Parses the field body, which is one line. Accepts any text, in linear time. */
export async function parseStructured(line: string): Promise<Structured> {
  const reader = new ParameterReader(line);
  const value = reader.value(false);
  const plain = new Map<string, string>();
  const segmented = new Map<string, Segment[]>();
  for (let next = reader.parameter(); next !== undefined; next = reader.parameter()) {
    const [name, text] = next;
    const match = /^([^*]+)\*(\d{0,9})(\*?)$/.exec(name);
    if (match === null) {
      if (!plain.has(name)) plain.set(name, text);
      continue;
    }
    const [, before = "", digits = "", star] = match;
    // Not in the pattern: it would try each of many blanks.
    const base = before.trimEnd();
    const segments = segmented.get(base) ?? [];
    segmented.set(base, segments);
    const number = Number(digits);
    segments.push({ number, extended: digits === "" || star === "*", text });
  }
  const parameters = new Map<string, string>();
  for (const [name, text] of plain) {
    if (!segmented.has(name)) parameters.set(name, await decodeText(Buffer.from(text)));
  }
  // The plain form is only a fallback for programs that do not know the segmented one (RFC 6266 section 4.3).
  for (const [name, segments] of segmented) parameters.set(name, await joinSegments(segments));
  return { value, parameters };
}

/** Joins the segments before decoding: a character, or an encoded-word, may be split over two of them. */
async function joinSegments(segments: readonly Segment[]): Promise<string> {
  const inOrder = segments.toSorted((a, b) => a.number - b.number);
  if (!inOrder.some(({ extended }) => extended)) {
    return decodeText(Buffer.from(inOrder.map(({ text }) => text).join("")));
  }
  let charset = "";
  const octets = inOrder.map(({ extended, text }, index) => {
    const prefix = index === 0 && extended ? /^([^']*)'[^']*'/.exec(text) : null;
    if (prefix === null) return extended ? percentDecoded(text) : Buffer.from(text);
    charset = prefix[1] ?? "";
    return percentDecoded(text.slice(prefix[0].length));
  });
  const joined = Buffer.concat(octets);
  const decoded = charset === "" ? decodeUnlabelled(joined) : await decodeCharset(joined, charset);
  return decoded.replace(/[\r\n\0]/g, " ");
}

/** A `%` without two hexadecimal digits stands for itself. */
function percentDecoded(text: string): Buffer {
  const octets = Buffer.from(text).toString("latin1");
  const decoded = octets.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(decoded, "latin1");
}

/**
 * Reads values and parameters one after another. A value is a token or a quoted string; both may have what
 * the RFC forbids: blanks and parentheses in a token, text after a quoted string.
 */
class ParameterReader {
  readonly #line: string;
  #at = 0;
  /** After a `(` that never closes, none is a comment: looking for its end again would take quadratic time. */
  #comments = true;

  constructor(line: string) {
    this.#line = line;
  }

  /** Returns the next parameter, its name in lower case; `undefined` at the end. */
  parameter(): [name: string, text: string] | undefined {
    while (this.#at < this.#line.length) {
      this.#at++; // the ";" before it
      const name = this.#name();
      if (this.#line[this.#at] !== "=") continue;
      this.#at++;
      const text = this.value(true);
      if (name !== "") return [name, text];
    }
    return undefined;
  }

  /** Reads up to the next `;`. In a parameter, a `(` that continues a token is text: `a(1).txt`. */
  value(inParameter: boolean): string {
    let text = "";
    let end = 0;
    let inToken = inParameter;
    for (; this.#at < this.#line.length; this.#at++) {
      const char = this.#line.charAt(this.#at);
      if (char === ";") break;
      if (char === '"') return text + this.#quoted();
      if (char === "(" && !inToken && this.#skipComment()) continue;
      if (char === " " || char === "\t") {
        if (text !== "") text += char;
        inToken = false;
        continue;
      }
      if (char === "\\" && this.#at + 1 < this.#line.length) this.#at++;
      text += this.#line.charAt(this.#at);
      end = text.length;
      inToken = inParameter;
    }
    return text.slice(0, end);
  }

  #name(): string {
    let name = "";
    for (; this.#at < this.#line.length; this.#at++) {
      const char = this.#line.charAt(this.#at);
      if (char === ";" || char === "=") break;
      if (char !== "(" || !this.#skipComment()) name += char;
    }
    return name.trim().toLowerCase();
  }

  /** Reads the quoted string that begins here, and skips all up to the next `;`. */
  #quoted(): string {
    let text = "";
    for (this.#at++; this.#at < this.#line.length && this.#line[this.#at] !== '"'; this.#at++) {
      if (this.#line[this.#at] === "\\" && this.#at + 1 < this.#line.length) this.#at++;
      text += this.#line.charAt(this.#at);
    }
    const next = this.#line.indexOf(";", this.#at);
    this.#at = next < 0 ? this.#line.length : next;
    return text;
  }

  /** Moves to the end of the comment that begins here, if it has one. */
  #skipComment(): boolean {
    if (!this.#comments) return false;
    let depth = 0;
    for (let at = this.#at; at < this.#line.length; at++) {
      const char = this.#line[at];
      if (char === "\\") at++;
      else if (char === "(") depth++;
      else if (char === ")" && --depth === 0) {
        this.#at = at;
        return true;
      }
    }
    this.#comments = false;
    return false;
  }
}
