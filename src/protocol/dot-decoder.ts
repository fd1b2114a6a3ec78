// Decodes the block of a multi-line response (RFC 1939 section 3): it removes the dot at the start of a line,
// and only `CRLF . CRLF` ends the block. Everything else passes unchanged: NUL, 8-bit octets, a lone CR or
// LF, lines of any length.
//
// The decoder searches for dots, not for lines: mail contains few dots, and `indexOf(46)` is a memchr. Two
// kinds of input make that slow: many dots inside lines, and many dots that start lines. Each has its own
// path below.

const CR = 13;
const LF = 10;
const DOT = 46;

/** The position in `CRLF . CRLF` at the end of the previous chunk. */
const State = {
  /** Inside a line. */
  text: 0,
  /** Inside a line, after a CR. The CR was emitted, because it is text whatever follows. */
  textCr: 1,
  /** At the start of a line. A block begins in this state: the CRLF of its status line counts. */
  lineStart: 2,
  /** After a dot at the start of a line. The dot is dropped whatever follows. */
  dot: 3,
  /** After a dot and a CR at the start of a line. The CR is not emitted yet: it may belong to the end. */
  dotCr: 4,
} as const;
type State = (typeof State)[keyof typeof State];

/** After this number of dots that do not start a line, the search is for `CRLF .` until the next match. */
const IDLE_DOTS = 8;
/**
 * After this number of stuffed dots, each less than `DENSE_OCTETS` after the previous one, octets are copied
 * singly.
 */
const DENSE_DOTS = 5;
const DENSE_OCTETS = 128;

const CRLF_DOT: Buffer = Buffer.from("\r\n.", "latin1");
const HELD_CR: Buffer = Buffer.from("\r", "latin1");

/** Takes decoded octets, in order; they may be a slice of the chunk that was decoded. */
export type EmitOctets = (octets: Buffer) => void;

export class DotDecoder {
  #state: State = State.lineStart;

  /**
   * Decodes `chunk` from the offset `from`. Returns the offset after the end of the block, or -1 if the block
   * does not end in this chunk. After an end the decoder is ready for the next block.
   */
  decode(chunk: Buffer, from: number, emit: EmitOctets): number {
    const length = chunk.length;
    let start = from; // the first octet not emitted
    let at = from;

    // At most four octets complete the state of the previous chunk.
    if (at === length) return -1;
    if (this.#state === State.textCr) {
      this.#state = chunk[at] === LF ? State.lineStart : State.text;
      if (this.#state === State.lineStart) at++;
    }
    if (this.#state === State.lineStart) {
      if (at === length) return this.#leave(State.lineStart, chunk, start, at, emit);
      if (chunk[at] === DOT) {
        give(chunk, start, at, emit);
        start = ++at;
        this.#state = State.dot;
      } else this.#state = State.text;
    }
    if (this.#state === State.dot) {
      if (at === length) return -1;
      if (chunk[at] === CR) {
        at++;
        if (at === length) return this.#leave(State.dotCr, chunk, start, start, emit);
        if (chunk[at] === LF) return this.#end(at + 1);
      }
      this.#state = State.text;
    }
    if (this.#state === State.dotCr) {
      if (chunk[at] === LF) return this.#end(at + 1);
      emit(HELD_CR);
      this.#state = State.text;
    }
    return this.#scan(chunk, start, at, emit);
  }

  /** The fast path. Every dot before `at` that starts a line was found already. */
  #scan(chunk: Buffer, start: number, at: number, emit: EmitOctets): number {
    const length = chunk.length;
    let idle = 0;
    let dense = 0;
    for (;;) {
      let dot: number;
      if (idle < IDLE_DOTS) {
        dot = chunk.indexOf(DOT, at);
        if (dot === -1) break;
        if (chunk[dot - 1] !== LF || chunk[dot - 2] !== CR) {
          idle++;
          at = dot + 1;
          continue;
        }
      } else {
        // At least IDLE_DOTS octets were passed, so there are two octets before `at`.
        const crlf = chunk.indexOf(CRLF_DOT, at - 2);
        if (crlf === -1) break;
        dot = crlf + 2;
      }
      idle = 0;
      const next = chunk[dot + 1];
      if (next === CR && chunk[dot + 2] === LF) {
        give(chunk, start, dot, emit);
        return this.#end(dot + 3);
      }
      if (dot + 1 === length) return this.#leave(State.dot, chunk, start, dot, emit);
      if (next === CR && dot + 2 === length) return this.#leave(State.dotCr, chunk, start, dot, emit);
      give(chunk, start, dot, emit);
      dense = dot - start < DENSE_OCTETS ? dense + 1 : 0;
      start = at = dot + 1;
      if (dense === DENSE_DOTS) return this.#copy(chunk, start, emit);
    }
    return this.#leave(endOfText(chunk), chunk, start, length, emit);
  }

  /** The path for many stuffed dots: copies into one new Buffer instead of a slice for each line. */
  #copy(chunk: Buffer, from: number, emit: EmitOctets): number {
    const length = chunk.length;
    const out = Buffer.allocUnsafe(length - from);
    let size = 0;
    for (let at = from; at < length;) {
      const octet = chunk[at++] as number;
      out[size++] = octet;
      // Most octets are not an LF, and need no other test.
      if (octet !== LF || at === length || chunk[at] !== DOT || chunk[at - 2] !== CR) continue;
      if (++at === length) return this.#leave(State.dot, out, 0, size, emit);
      if (chunk[at] !== CR) continue;
      if (at + 1 === length) return this.#leave(State.dotCr, out, 0, size, emit);
      if (chunk[at + 1] === LF) {
        give(out, 0, size, emit);
        return this.#end(at + 2);
      }
    }
    return this.#leave(endOfText(chunk), out, 0, size, emit);
  }

  #leave(state: State, octets: Buffer, start: number, end: number, emit: EmitOctets): -1 {
    this.#state = state;
    give(octets, start, end, emit);
    return -1;
  }

  #end(offset: number): number {
    this.#state = State.lineStart;
    return offset;
  }
}

function give(octets: Buffer, start: number, end: number, emit: EmitOctets): void {
  if (end > start) emit(start === 0 && end === octets.length ? octets : octets.subarray(start, end));
}

/** Returns the state after a chunk that ends in text. */
function endOfText(chunk: Buffer): State {
  const last = chunk[chunk.length - 1];
  if (last === CR) return State.textCr;
  return last === LF && chunk[chunk.length - 2] === CR ? State.lineStart : State.text;
}
