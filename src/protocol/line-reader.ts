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
    let line = chunk.subarray(from, end);
    if (line.includes(0))
      throw new Pop3ProtocolError("POP3_PROTOCOL", "a line of the server has a NUL in it");
    if (lf === -1) {
      if (line.length > 0) this.#held.push(line);
      this.#heldOctets += line.length;
      return -1;
    }
    if (this.#held.length > 0) {
      this.#held.push(line);
      line = Buffer.concat(this.#held);
      this.#held = [];
      this.#heldOctets = 0;
    }
    if (line[line.length - 2] !== CR) {
      throw new Pop3ProtocolError("POP3_PROTOCOL", "a line of the server ends in LF without CR");
    }
    this.line = line.subarray(0, -2);
    return end;
  }
}
