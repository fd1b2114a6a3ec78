// Decodes the block of a multi-line response (RFC 1939 section 3): it removes the dot at the start of a line,
// and only `CRLF . CRLF` ends the block. Everything else passes unchanged: NUL, 8-bit octets, a lone CR or
// LF, lines of any length.
//
// It decodes in place: to remove a dot, the octets before or after it are moved within their chunk, whichever are
// fewer. So each chunk gives one range of octets, and no memory is allocated.
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
  /** Inside a line, after a CR. The CR was given out, because it is text whatever follows. */
  textCr: 1,
  /** At the start of a line. A block begins in this state: the CRLF of its status line counts. */
  lineStart: 2,
  /** After a dot at the start of a line. The dot is dropped whatever follows. */
  dot: 3,
  /** After a dot and a CR at the start of a line. The CR is not given out yet: it may belong to the end. */
  dotCr: 4,
} as const;
type State = (typeof State)[keyof typeof State];

/** After this number of dots that do not start a line, the search is for `CRLF .` until the next match. */
const IDLE_DOTS = 8;
/** After this number of stuffed dots, each less than `DENSE_OCTETS` after the previous one, octets are moved singly. */
const DENSE_DOTS = 5;
const DENSE_OCTETS = 128;

const CRLF_DOT: Buffer = Buffer.from("\r\n.", "latin1");
const NOTHING: Buffer = Buffer.alloc(0);

export class DotDecoder {
  /** What the last call has decoded: a part of its chunk, or a CR of the chunk before. */
  octets: Buffer = NOTHING;
  /** Whether the last call has read the end of the block. */
  ended = false;
  #state: State = State.lineStart;

  /**
   * Decodes `chunk` from the offset `from`, and changes it. Returns the offset of the first octet that it has not
   * read. Call it again for the rest of the chunk, unless the block has {@link ended}: then the decoder is ready for
   * the next one.
   */
  decode(chunk: Buffer, from: number): number {
    const length = chunk.length;
    const start = from;
    let at = from;
    this.octets = NOTHING;
    this.ended = false;

    // At most four octets complete the state of the previous chunk.
    if (at === length) return at;
    if (this.#state === State.dotCr) {
      if (chunk[at] === LF) return this.#end(chunk, at, at, at + 1);
      this.octets = Buffer.of(CR);
      this.#state = State.text;
      return at;
    }
    if (this.#state === State.textCr) {
      this.#state = chunk[at] === LF ? State.lineStart : State.text;
      if (this.#state === State.lineStart) at++;
    }
    const to = at;
    if (this.#state === State.lineStart) {
      if (at === length) return this.#leave(State.lineStart, chunk, start, at);
      if (chunk[at] === DOT) {
        at++;
        this.#state = State.dot;
      } else this.#state = State.text;
    }
    if (this.#state === State.dot) {
      if (at === length) return this.#leave(State.dot, chunk, start, to);
      if (chunk[at] === CR) {
        if (at + 1 === length) return this.#leave(State.dotCr, chunk, start, to);
        if (chunk[at + 1] === LF) return this.#end(chunk, start, to, at + 2);
      }
      this.#state = State.text;
    }
    return this.#scan(chunk, start, to, at);
  }

  /**
   * The fast path. The octets from `start` to `to` are decoded; those from `from` on come next, after every dot that
   * starts a line before them.
   */
  #scan(chunk: Buffer, start: number, to: number, from: number): number {
    const length = chunk.length;
    let at = from;
    let idle = 0;
    let dense = 0;
    for (;;) {
      let dot: number;
      if (idle < IDLE_DOTS) {
        dot = chunk.indexOf(DOT, at);
        if (dot === -1) break;
        // An index below 0 would make the compiler of Node compile all of this again.
        if (dot < 2 || chunk[dot - 1] !== LF || chunk[dot - 2] !== CR) {
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
      const octets = to - start + dot - from;
      start = closeGap(chunk, start, to, from, dot);
      to = start + octets;
      if (dot + 1 === length) return this.#leave(State.dot, chunk, start, to);
      if (chunk[dot + 1] === CR) {
        if (dot + 2 === length) return this.#leave(State.dotCr, chunk, start, to);
        if (chunk[dot + 2] === LF) return this.#end(chunk, start, to, dot + 3);
      }
      dense = dot - from < DENSE_OCTETS ? dense + 1 : 0;
      from = at = dot + 1;
      if (dense === DENSE_DOTS) return this.#move(chunk, start, to, from);
    }
    // Before octets are moved: they may be moved over the end of the chunk.
    const state = stateAfter(chunk[length - 2], chunk[length - 1]);
    const octets = to - start + length - from;
    start = closeGap(chunk, start, to, from, length);
    return this.#leave(state, chunk, start, start + octets);
  }

  /** The path for many stuffed dots: a call for each of their lines would cost more than to move each octet. */
  #move(chunk: Buffer, start: number, to: number, from: number): number {
    const length = chunk.length;
    // The octets before the current one, which may have been overwritten.
    let before = 0;
    let last = 0;
    for (let at = from; at < length;) {
      before = last;
      last = chunk[at++] as number;
      chunk[to++] = last;
      // Most octets are not an LF, and need no other test.
      if (last !== LF || at === length || chunk[at] !== DOT || before !== CR) continue;
      if (++at === length) return this.#leave(State.dot, chunk, start, to);
      if (chunk[at] !== CR) continue;
      if (at + 1 === length) return this.#leave(State.dotCr, chunk, start, to);
      if (chunk[at + 1] === LF) return this.#end(chunk, start, to, at + 2);
    }
    return this.#leave(stateAfter(before, last), chunk, start, to);
  }

  #leave(state: State, chunk: Buffer, start: number, to: number): number {
    this.#state = state;
    this.#give(chunk, start, to);
    return chunk.length;
  }

  #end(chunk: Buffer, start: number, to: number, next: number): number {
    this.#state = State.lineStart;
    this.ended = true;
    this.#give(chunk, start, to);
    return next;
  }

  #give(chunk: Buffer, start: number, to: number): void {
    if (to > start) this.octets = start === 0 && to === chunk.length ? chunk : chunk.subarray(start, to);
  }
}

/** Joins the octets from `start` to `to` and those from `from` to `end`. Returns where they start now. */
function closeGap(chunk: Buffer, start: number, to: number, from: number, end: number): number {
  if (to === from) return start;
  if (to === start) return from;
  if (to - start < end - from) {
    const joined = from - (to - start);
    chunk.copyWithin(joined, start, to);
    return joined;
  }
  chunk.copyWithin(to, from, end);
  return start;
}

/** Returns the state after text that ends with these octets. */
function stateAfter(before: number | undefined, last: number | undefined): State {
  if (last === CR) return State.textCr;
  return last === LF && before === CR ? State.lineStart : State.text;
}
