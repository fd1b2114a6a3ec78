// Splits octets into lines. Only CRLF ends a line, and no line exceeds the limit.
import { Pop3ProtocolError } from "../errors.ts";

const CR = 13;
const LF = 10;

export class LineReader {
  /** The last complete line, without its CRLF. It may be a slice of its chunk. */
  line: Buffer = Buffer.alloc(0);
  /** The longest line in octets, CRLF included. */
  limit: number;
  #parts: Buffer[] = [];
  #partOctets = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /**
   * Reads `chunk` from the offset `from`. Returns the offset after the CRLF, with the line in {@link line},
   * or -1 if the chunk ends before the line does.
   *
   * Throws `POP3_LINE_TOO_LONG`, and `POP3_PROTOCOL` for a NUL or an LF without CR. No line of the protocol
   * contains these. A guess where such a line ends could assign later replies to the wrong commands.
   */
  read(chunk: Buffer, from: number): number {
    const lf = chunk.indexOf(LF, from);
    const end = lf === -1 ? chunk.length : lf + 1;
    if (this.#partOctets + (end - from) > this.limit) {
      throw new Pop3ProtocolError(
        "POP3_LINE_TOO_LONG",
        `the server sent a line longer than the limit of ${String(this.limit)} bytes`,
      );
    }
    if (lf === -1) {
      this.#keep(chunk.subarray(from));
      return -1;
    }
    if (this.#parts.length === 0) {
      // The usual case: the line is complete in one chunk.
      this.line = checked(chunk.subarray(from, Math.max(lf - 1, from)), chunk[lf - 1] === CR && lf > from);
      return end;
    }
    this.#keep(chunk.subarray(from, end));
    const line = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#partOctets = 0;
    this.line = checked(line.subarray(0, -2), line[line.length - 2] === CR);
    return end;
  }

  #keep(octets: Buffer): void {
    if (octets.length === 0) return;
    checked(octets, true);
    // Copy: the read buffer may be reused before the line is complete.
    this.#parts.push(Buffer.from(octets));
    this.#partOctets += octets.length;
  }
}

function checked(line: Buffer, crlf: boolean): Buffer {
  if (line.includes(0))
    throw new Pop3ProtocolError("POP3_PROTOCOL", "the server sent a line that contains NUL");
  if (!crlf)
    throw new Pop3ProtocolError("POP3_PROTOCOL", "the server sent a line that ends with LF without CR");
  return line;
}
