// A server on a stream: answers each line with the result of a function, no faster than the client reads.
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { duplexPair } from "./duplex-pair.ts";

/** Gives the octets of an answer, CRLF included; a string is taken as Latin-1. */
export type Answers = (line: string) => Iterable<Buffer | string>;

export class LineServer {
  /** The client's end, for the option `socket`. */
  readonly socket: Duplex;
  /** The lines of the client. */
  readonly lines: string[] = [];
  /** How many octets the client has taken, or let be buffered on the way. */
  sent = 0;
  readonly #stream: Duplex;
  readonly #answers: Answers;

  constructor(answers: Answers) {
    [this.socket, this.#stream] = duplexPair();
    this.#answers = answers;
    void this.#run();
  }

  async #run(): Promise<void> {
    await this.#write("+OK hello\r\n");
    let input = "";
    for await (const octets of this.#stream as AsyncIterable<Buffer>) {
      input += octets.toString("latin1");
      for (let end = input.indexOf("\r\n"); end !== -1; end = input.indexOf("\r\n")) {
        const line = input.slice(0, end);
        input = input.slice(end + 2);
        this.lines.push(line);
        for (const piece of this.#answers(line)) await this.#write(piece);
      }
    }
  }

  async #write(piece: Buffer | string): Promise<void> {
    const octets = Buffer.from(piece as string, "latin1");
    this.sent += octets.length;
    if (!this.#stream.write(octets)) await once(this.#stream, "drain");
  }
}
