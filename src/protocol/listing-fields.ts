// The fields of one line of STAT, LIST or UIDL (RFC 1939 sections 5 and 7). Digits are digits; nothing is guessed.

/**
 * The most characters of a unique-id, each from 0x21 to 0x7E. RFC 1939 section 7 says 70. Servers that give the name of
 * a file in a Maildir exceed that, and without its whole unique-id no message is known again.
 */
const UNIQUE_ID = 512;
/** Digits of a number: more than any that JavaScript holds exactly. */
const DIGITS = 16;

const SPACE = 32;
const ZERO = 48;

/**
 * Reads a line character by character: a listing may have a million lines, and a regular expression for each takes
 * twice the time.
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

  /** A number, or NaN if there is none or it is too large to be exact. */
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

  /** Skips spaces, and returns whether there were any. Runs are accepted: at least one large provider pads its columns. */
  spaces(): boolean {
    const start = this.#at;
    while (this.#at < this.#end && this.#text.charCodeAt(this.#at) === SPACE) this.#at++;
    return this.#at > start;
  }

  /** A unique-id, or `undefined` if it is too long. */
  uniqueId(): string | undefined {
    const start = this.#at;
    while (this.#at < this.#end) {
      const code = this.#text.charCodeAt(this.#at);
      if (code <= SPACE || code > 0x7e) break;
      this.#at++;
    }
    return this.#at - start <= UNIQUE_ID ? this.#text.slice(start, this.#at) : undefined;
  }

  /** Whether nothing is left. */
  get over(): boolean {
    return this.#at === this.#end;
  }
}

/** The number after the first; NaN if there is none. The RFC allows text after it. */
export function second(fields: Fields): number {
  if (!fields.spaces()) return NaN;
  const value = fields.number();
  return fields.over || fields.spaces() ? value : NaN;
}

/**
 * The unique-id after the number; "" if it is blank, as some servers have none for a message; `undefined` if it is
 * malformed. Nothing but spaces follows it.
 */
export function lastId(fields: Fields): string | undefined {
  const apart = fields.spaces();
  const id = fields.uniqueId();
  fields.spaces();
  return fields.over && (apart || id === "") ? id : undefined;
}

export function isMessageNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
