// Two streams, each of which reads what was written to the other: a connection without a socket.
import { Duplex } from "node:stream";

class End extends Duplex {
  other: End | undefined;
  #taken: (() => void) | undefined;

  override _read(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  override _write(octets: Buffer, _: BufferEncoding, done: () => void): void {
    const { other } = this;
    if (other === undefined || other.destroyed) done();
    else if (other.push(octets)) process.nextTick(done);
    else other.#taken = done;
  }

  override _final(done: () => void): void {
    this.other?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.other?.readableEnded === false) this.other.push(null);
    done(error);
  }
}

export function duplexPair(): [Duplex, Duplex] {
  const [one, two] = [new End(), new End()];
  one.other = two;
  two.other = one;
  return [one, two];
}
