// Splits the octets from the server into status lines and blocks, and gives each octet to the reply that it
// belongs to. Octets that belong to no expected reply are never parsed.
import { DotDecoder } from "./dot-decoder.ts";
import { LineReader } from "./line-reader.ts";

/** The receiver of replies. Its methods are called in the order of the octets. */
export interface ReplySink {
  /** Whether a reply is expected. Read before each line: if `false`, the rest of the chunk stays unread. */
  readonly waiting: boolean;
  /** Takes a line without its CRLF. Returns whether a block follows it. */
  line(line: Buffer): boolean;
  /** Takes decoded octets of the block, normally once for each chunk. They may be a slice of the chunk. */
  octets(octets: Buffer): void;
  /** Called at the end of the block. */
  end(): void;
}

export class ReplyReader {
  readonly #lines: LineReader;
  readonly #decoder: DotDecoder = new DotDecoder();
  readonly #sink: ReplySink;
  #inBlock = false;

  /** `lineLimit`: the longest status line in octets, CRLF included. */
  constructor(lineLimit: number, sink: ReplySink) {
    this.#lines = new LineReader(lineLimit);
    this.#sink = sink;
  }

  /** Sets the longest status line in octets, CRLF included. */
  set lineLimit(limit: number) {
    this.#lines.limit = limit;
  }

  /** Whether the octets are inside a block: its status line has arrived, and its end has not. */
  get inBlock(): boolean {
    return this.#inBlock;
  }

  /**
   * Reads a chunk, and changes it: blocks are decoded in place. Returns the number of octets at its end that belong to no
   * reply. Throws the same errors as `LineReader.read`.
   */
  push(chunk: Buffer): number {
    const decoder = this.#decoder;
    let at = 0;
    while (at < chunk.length) {
      if (this.#inBlock) {
        at = decoder.decode(chunk, at);
        if (decoder.octets.length > 0) this.#sink.octets(decoder.octets);
        if (!decoder.ended) continue;
        this.#inBlock = false;
        this.#sink.end();
      } else {
        if (!this.#sink.waiting) return chunk.length - at;
        at = this.#lines.read(chunk, at);
        if (at === -1) return 0;
        this.#inBlock = this.#sink.line(this.#lines.line);
      }
    }
    return 0;
  }
}
