// Parses the fields of one line of STAT, LIST or UIDL (RFC 1939 sections 5 and 7). Accepts only exact forms.

/**
 * The longest unique-id in characters; each is from 0x21 to 0x7E. RFC 1939 section 7 allows 70. Servers that
 * use the names of Maildir files exceed that, and a message is only recognised again by its whole unique-id.
 */
export const UNIQUE_ID = 512;
/** The most digits of a number: enough for every safe integer of JavaScript. */
const DIGITS = 16;

const SPACE = 32;
const ZERO = 48;

/**
 * Reads the fields of a line in order. It works character by character: a listing may have a million lines,
 * and regular expressions take twice the time.
 */
export class Fields {
  readonly #text: string;
  #at: number;
  readonly #end: number;

  constructor(text: string, start = 0, end: number = text.length) {
    this.#text = text;
    this.#at = start;
    this.#end = end;
  }

  /** Reads a number. Returns NaN if there is none or if it is not a safe integer. */
  number(): number {
    const start = this.#at;
    let value = 0;
    while (this.#at < this.#end) {
      const digit = this.#text.charCodeAt(this.#at) - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      this.#at++;
    }
    const digits = this.#at - start;
    return digits > 0 && digits <= DIGITS && Number.isSafeInteger(value) ? value : NaN;
  }

  /**
   * Skips spaces, and returns whether there were any. Accepts several spaces: at least one large provider
   * aligns its columns.
   */
  spaces(): boolean {
    const start = this.#at;
    while (this.#at < this.#end && this.#text.charCodeAt(this.#at) === SPACE) this.#at++;
    return this.#at > start;
  }

  /** Reads a unique-id. Returns `undefined` if it is too long. */
  uniqueId(): string | undefined {
    const start = this.#at;
    while (this.#at < this.#end) {
      const code = this.#text.charCodeAt(this.#at);
      if (code <= SPACE || code > 0x7e) break;
      this.#at++;
    }
    return this.#at - start <= UNIQUE_ID ? this.#text.slice(start, this.#at) : undefined;
  }

  /** The text that is not read yet. */
  get rest(): string {
    return this.#text.slice(this.#at, this.#end);
  }

  /** Whether the end of the line is reached. */
  get over(): boolean {
    return this.#at === this.#end;
  }
}

/** Reads the second number. Returns NaN if there is none. The RFC allows text after it. */
export function second(fields: Fields): number {
  if (!fields.spaces()) return NaN;
  const value = fields.number();
  return fields.over || fields.spaces() ? value : NaN;
}

/**
 * Reads the unique-id after the number; only spaces may follow it. Returns `undefined` if it is malformed,
 * and "" if it is blank: some servers have none for a message.
 */
export function lastId(fields: Fields): string | undefined {
  const apart = fields.spaces();
  const id = fields.uniqueId();
  fields.spaces();
  return fields.over && (apart || id === "") ? id : undefined;
}
