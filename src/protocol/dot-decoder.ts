// Turns the octets of a multi-line response into the octets that were sent (RFC 1939 section 3): a leading
// dot of a line is dropped, and only `CRLF . CRLF` ends the block. Everything else passes unchanged: NUL,
// 8-bit, a lone CR or LF, lines of any length.
//
// It looks for dots, not for lines: mail holds few, and `indexOf(46)` is a memchr. Two kinds of input would
// defeat that, many dots inside lines and many dots that start lines; each has its way out below.

const CR = 13;
const LF = 10;
const DOT = 46;

/** How far into `CRLF . CRLF` the previous chunk went. */
const State = {
  /** In a line. */
  text: 0,
  /** In a line, behind a CR that was given out (it is text, whatever follows). */
  textCr: 1,
  /** At the start of a line. A block begins here: the CRLF of its status line counts. */
  lineStart: 2,
  /** Behind a dot at the start of a line. The dot is dropped, whatever follows. */
  dot: 3,
  /** Behind dot and CR at the start of a line. This CR is held back: it may belong to the end. */
  dotCr: 4,
} as const;
type State = (typeof State)[keyof typeof State];

/** After so many dots that start no line, all three octets of `CRLF .` are looked for until the next hit. */
const IDLE_DOTS = 8;
/** After so many stuffed dots in a row, each nearer than this to the one before, octets are copied one by one. */
const DENSE_DOTS = 5;
const DENSE_OCTETS = 128;

const CRLF_DOT: Buffer = Buffer.from("\r\n.", "latin1");
const HELD_CR: Buffer = Buffer.from("\r", "latin1");

/** Takes decoded octets, in order; they may be a slice of the chunk that was decoded. */
export type EmitOctets = (octets: Buffer) => void;

export class DotDecoder {
  #state: State = State.lineStart;

  /**
   * Decodes `chunk` from the offset `from` on. Returns the offset behind the end of the block, or -1 when all
   * of the chunk belongs to it. Behind an end the decoder is ready for the next block.
   */
  decode(chunk: Buffer, from: number, emit: EmitOctets): number {
    const length = chunk.length;
    let start = from; // the first octet not given out
    let at = from;

    // What the previous chunk left open is settled by at most four octets.
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

  /** The fast path. No octet before `at` can be the dot of a line start that is still to be found. */
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
        // Behind so many dots: there are two octets before `at`.
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

  /** Where stuffed dots stand close together: one new Buffer instead of a slice for each line. */
  #copy(chunk: Buffer, from: number, emit: EmitOctets): number {
    const length = chunk.length;
    const out = Buffer.allocUnsafe(length - from);
    let size = 0;
    for (let at = from; at < length;) {
      const octet = chunk[at++] as number;
      out[size++] = octet;
      // Most octets are no LF: nothing else is looked at for them.
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

/** The state that a chunk leaves which ends in text. */
function endOfText(chunk: Buffer): State {
  const last = chunk[chunk.length - 1];
  if (last === CR) return State.textCr;
  return last === LF && chunk[chunk.length - 2] === CR ? State.lineStart : State.text;
}
