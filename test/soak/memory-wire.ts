// A server on a stream without a socket: what is pushed is read in the same turn, so that nothing but the client takes time.
import { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import type { Pop3ClientOptions } from "popwright";

/** What is sent for a message: chunk by chunk. */
export type Chunks = Iterable<Buffer>;

/** How long chunks are pushed before the loop goes round; milliseconds. */
const SLICE = 4;
/** So many octets are pushed between two looks at the clock. */
const OCTETS = 256;

export class MemoryWire extends Duplex {
  readonly #answers: (line: string) => Chunks;
  #text = "";
  #wake: (() => void) | undefined;

  constructor(answers: (line: string) => Chunks) {
    super();
    this.#answers = answers;
    setImmediate(() => this.push("+OK hello\r\n"));
  }

  /** Lead here, logged in. */
  get options(): Pop3ClientOptions {
    const auth = { user: "ann", pass: "secret", mechanism: "USER" };
    return { host: "mail.test", secure: false, stls: "never", socket: this, auth };
  }

  override _read(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  override _write(octets: Buffer, _: BufferEncoding, done: () => void): void {
    this.#text += octets.toString("latin1");
    for (let end = this.#text.indexOf("\r\n"); end !== -1; end = this.#text.indexOf("\r\n")) {
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 2);
      void this.#say(this.#answers(line));
    }
    done();
  }

  override _final(done: () => void): void {
    this.push(null);
    done();
  }

  /** Pushes one chunk after the other, and lets the loop go round now and then, as a network would. */
  async #say(chunks: Chunks): Promise<void> {
    await turn();
    let pushed = 0;
    let since = performance.now();
    for (const chunk of chunks) {
      if (this.destroyed) return;
      if (!this.push(chunk)) await new Promise<void>((resolve) => (this.#wake = resolve));
      pushed += chunk.length;
      if (pushed < OCTETS) continue;
      pushed = 0;
      if (performance.now() - since < SLICE) continue;
      await turn();
      since = performance.now();
    }
  }
}
