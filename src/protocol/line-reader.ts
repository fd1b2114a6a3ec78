// Cuts octets into lines. A line ends in CRLF and nothing else, and none grows beyond its limit.
import { Pop3ProtocolError } from "../errors.ts";

const CR = 13;
const LF = 10;

export class LineReader {
  /** The last complete line, without its CRLF: possibly a slice of the chunk it came in. */
  line: Buffer = Buffer.alloc(0);
  /** The most octets a line may have, its CRLF included. */
  limit: number;
  #held: Buffer[] = [];
  #heldOctets = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /**
   * Reads `chunk` from the offset `from` on. Returns the offset behind the line's CRLF, with the line in
   * {@link line}, or -1 when the chunk ends before the line does.
   *
   * Throws `POP3_LINE_TOO_LONG`, and `POP3_PROTOCOL` at a NUL or at an LF without its CR: no line of the
   * protocol has them, and guessing where such a line ends is how answers get out of step.
   */
  read(chunk: Buffer, from: number): number {
    const lf = chunk.indexOf(LF, from);
    const end = lf === -1 ? chunk.length : lf + 1;
    if (this.#heldOctets + (end - from) > this.limit) {
      throw new Pop3ProtocolError(
        "POP3_LINE_TOO_LONG",
        `a line of the server is longer than ${String(this.limit)} octets`,
      );
    }
    if (lf === -1) {
      this.#hold(chunk.subarray(from));
      return -1;
    }
    if (this.#held.length === 0) {
      // The usual case: the whole line in one chunk.
      this.line = checked(chunk.subarray(from, Math.max(lf - 1, from)), chunk[lf - 1] === CR && lf > from);
      return end;
    }
    this.#hold(chunk.subarray(from, end));
    const line = Buffer.concat(this.#held);
    this.#held = [];
    this.#heldOctets = 0;
    this.line = checked(line.subarray(0, -2), line[line.length - 2] === CR);
    return end;
  }

  #hold(octets: Buffer): void {
    if (octets.length === 0) return;
    checked(octets, true);
    // A copy: the chunk's memory may be read into again before the line is complete.
    this.#held.push(Buffer.from(octets));
    this.#heldOctets += octets.length;
  }
}

function checked(line: Buffer, crlf: boolean): Buffer {
  if (line.includes(0)) throw new Pop3ProtocolError("POP3_PROTOCOL", "a line of the server has a NUL in it");
  if (!crlf) throw new Pop3ProtocolError("POP3_PROTOCOL", "a line of the server ends in LF without CR");
  return line;
}
