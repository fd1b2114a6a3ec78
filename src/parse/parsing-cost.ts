// Estimates the cost of parsing a message with mailparser, in one pass over its bytes, before mailparser gets
// it.
//
// Some input takes mailparser far too much time or memory for its size: a part of only soft line breaks or
// padding, a long run of blanks (quadratic time), a huge number of addresses in the header of a part.
// Ordinary mail of any size stays far below the limit, see `COST_MAX`. The weights were measured; one step is
// about 5 ns.

/** The maximum number of steps for any message: in the worst case 2 to 5 seconds and half a gigabyte. */
export const COST_MAX: number = 2 ** 29;

/** The cost of a line end: mailparser splits, trims and joins lines one by one. */
const LINE = 128;
/** The cost of an `=`: a byte in quoted-printable, or padding, which splits base64 in two. */
const ESCAPE = 64;
/** The cost of a `+` that does not follow another `+`: it may shift UTF-7 to base64 and back. */
const SHIFT = 256;
/**
 * The cost of a line in the header of a part, and of each byte of it: it is stored several times and split at
 * `;`.
 */
const FIELD_LINE = 512;
const FIELD_OCTET = 64;
/** The cost of a byte in a field that is parsed as addresses, list addresses or references. */
const ADDRESS_OCTET = 256;
/** Runs of blanks up to this length are free: indentation and tables have them. */
const SHORT_RUN = 16;

const ADDRESS_FIELD =
  /^(?:from|to|cc|bcc|sender|reply-to|delivered-to|return-path|disposition-n|references|list-)/i;
/** The length of the longest alternative in `ADDRESS_FIELD`. */
const ADDRESS_FIELD_LENGTH = 13;

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const PLUS = 0x2b;
const DASH = 0x2d;
const EQUALS = 0x3d;

/** The bytes that cost more than one step. */
const SPECIAL = new Uint8Array(256);
for (const octet of [TAB, LF, CR, SPACE, PLUS, EQUALS]) SPECIAL[octet] = 1;

/** Returns an upper limit of the steps for the body of a message. */
export function parsingCost(body: Uint8Array): number {
  const lines = new HeaderLines(body);
  let cost = body.length;
  let blanks = 0;
  let breaks = 0;
  let last = -2;
  for (let at = 0; at < body.length; at++) {
    const octet = body[at] ?? 0;
    if (SPECIAL[octet] === 0) continue;
    const joined = last === at - 1;
    last = at;
    if (octet === SPACE || octet === TAB) {
      blanks = joined ? blanks + 1 : 1;
      breaks = 0;
      if (blanks > SHORT_RUN) cost += blanks;
      continue;
    }
    blanks = 0;
    if (octet === CR || octet === LF) {
      breaks = joined ? breaks + 1 : 1;
      cost += breaks;
    } else {
      breaks = 0;
      if (octet === EQUALS) cost += ESCAPE;
      else if (!joined || body[at - 1] !== PLUS) cost += SHIFT;
    }
    if (octet === LF) {
      cost += LINE + lines.cost(at + 1);
      // Runs of line ends are quadratic only in headers, and there an empty line ends every run.
      if (lines.lastWasEmpty) breaks = 0;
    }
  }
  return cost + lines.cost(body.length);
}

/**
 * Finds the lines that may be the header of a part: the lines after one that begins with `--`, up to an empty
 * line. It does not know the real boundaries, so it may find more headers than there are parts, but never
 * fewer.
 */
class HeaderLines {
  readonly #octets: Uint8Array;
  #start = 0;
  #inHeader = false;
  #first = false;
  #addresses = false;
  lastWasEmpty = false;

  constructor(octets: Uint8Array) {
    this.#octets = octets;
  }

  /** Returns the cost of the line that ends before `end`, in addition to the cost of its bytes. */
  cost(end: number): number {
    const start = this.#start;
    const length = end - start;
    this.#start = end;
    this.lastWasEmpty = length === 1 || (length === 2 && this.#octets[start] === CR);
    if (this.lastWasEmpty) this.#inHeader = false;
    const dashes = this.#octets[start] === CR ? start + 1 : start;
    if (this.#octets[dashes] === DASH && this.#octets[dashes + 1] === DASH) {
      this.#inHeader = true;
      this.#first = true;
      return 0;
    }
    if (!this.#inHeader) return 0;
    if (this.#first || !this.#continues(start)) this.#addresses = this.#mayBeAddresses(start);
    this.#first = false;
    return FIELD_LINE + length * (this.#addresses ? ADDRESS_OCTET : FIELD_OCTET);
  }

  #continues(start: number): boolean {
    return this.#octets[start] === SPACE || this.#octets[start] === TAB;
  }

  /**
   * Mailparser strips blanks and control characters before a name, so a line that begins with one may be
   * addresses.
   */
  #mayBeAddresses(start: number): boolean {
    const first = this.#octets[start] ?? 0;
    if (first <= SPACE || first > 0x7e) return true;
    const name = this.#octets.subarray(start, start + ADDRESS_FIELD_LENGTH);
    return ADDRESS_FIELD.test(String.fromCharCode(...name));
  }
}
