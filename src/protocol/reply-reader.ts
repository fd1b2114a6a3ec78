// Tells what comes next on the wire, a status line or a block, and gives each octet to the reply that it
// belongs to. An octet that no reply waits for is never parsed.
import { DotDecoder } from "./dot-decoder.ts";
import { LineReader } from "./line-reader.ts";

/** Whoever waits for replies; called in the order of the wire. */
export interface ReplySink {
  /** Whether a reply is due. Asked before each line: `false` leaves the rest of the chunk unread. */
  readonly waiting: boolean;
  /** A line came, without its CRLF. Returns whether a block follows it. */
  line(line: Buffer): boolean;
  /** Decoded octets of the block, possibly a slice of the chunk. */
  octets(octets: Buffer): void;
  /** The block has ended. */
  end(): void;
}

export class ReplyReader {
  readonly #lines: LineReader;
  readonly #decoder: DotDecoder = new DotDecoder();
  readonly #sink: ReplySink;
  readonly #emit: (octets: Buffer) => void;
  #inBlock = false;

  /** `lineLimit`: the most octets of a status line, its CRLF included. */
  constructor(lineLimit: number, sink: ReplySink) {
    this.#lines = new LineReader(lineLimit);
    this.#sink = sink;
    this.#emit = (octets) => {
      sink.octets(octets);
    };
  }

  /** The most octets of a status line, its CRLF included. */
  set lineLimit(limit: number) {
    this.#lines.limit = limit;
  }

  /** Whether a status line has come and the block behind it has not ended. */
  get inBlock(): boolean {
    return this.#inBlock;
  }

  /** Reads a chunk, and returns how many octets at its end belong to no reply. Throws as `LineReader.read` does. */
  push(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length) {
      if (this.#inBlock) {
        at = this.#decoder.decode(chunk, at, this.#emit);
        if (at === -1) return 0;
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
