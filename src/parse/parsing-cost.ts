// What a message would cost the parser is counted before the parser sees it, in one pass over its octets.
//
// mailparser takes time, or memory, out of all proportion for some input: a part of nothing but soft line breaks or
// padding, a run of blanks (whose square it takes), addresses without end in the header of a part. Ordinary mail of
// any size stays far below the bound; see `COST_MAX`. The weights are measurements, a step being about 5 ns.

/** Steps that any message may cost: 2 to 5 seconds of mailparser and half a gigabyte, at their worst. */
export const COST_MAX: number = 2 ** 29;

/** Of a line end: lines are cut, trimmed and joined one by one. */
const LINE = 128;
/** Of an `=`: an octet in quoted-printable, or padding, which cuts base64 in two. */
const ESCAPE = 64;
/** Of a `+` that no `+` precedes: it may shift UTF-7 to base64 and back. */
const SHIFT = 256;
/** Of a line in the header of a part, and of each octet of it: kept several times over, and cut at each `;`. */
const FIELD_LINE = 512;
const FIELD_OCTET = 64;
/** Of an octet of a field that is parsed as addresses, list addresses or references. */
const ADDRESS_OCTET = 256;
/** Runs of blanks up to this length are what indentation and tables look like: not counted. */
const SHORT_RUN = 16;

const ADDRESS_FIELD =
  /^(?:from|to|cc|bcc|sender|reply-to|delivered-to|return-path|disposition-n|references|list-)/i;
/** The longest alternative of `ADDRESS_FIELD`. */
const ADDRESS_FIELD_LENGTH = 13;

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const PLUS = 0x2b;
const DASH = 0x2d;
const EQUALS = 0x3d;

/** Octets that cost more than one step. */
const SPECIAL = new Uint8Array(256);
for (const octet of [TAB, LF, CR, SPACE, PLUS, EQUALS]) SPECIAL[octet] = 1;

/** How many steps the body of a message costs at most. */
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
      // No run of line ends in a header goes on over an empty line, and it is headers whose runs are squared.
      if (lines.lastWasEmpty) breaks = 0;
    }
  }
  return cost + lines.cost(body.length);
}

/**
 * Tells the lines that may be the header of a part: those after a line that begins with `--`, up to an empty one.
 * There may be more of them than there are parts, since what the boundaries are is not looked at; never fewer.
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

  /** What the line that ends before `end` costs beside its octets. */
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

  /** A name may have blanks and controls before it: mailparser takes them off, so a line with any counts as one. */
  #mayBeAddresses(start: number): boolean {
    const first = this.#octets[start] ?? 0;
    if (first <= SPACE || first > 0x7e) return true;
    const name = this.#octets.subarray(start, start + ADDRESS_FIELD_LENGTH);
    return ADDRESS_FIELD.test(String.fromCharCode(...name));
  }
}
