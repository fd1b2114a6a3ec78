// Cuts a stream between any two octets, because a network may cut it anywhere.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Duplex } from "node:stream";

/** A TCP connection whose octets are given out one by one. What is written goes out as it is. */
class SingleOctets extends Duplex {
  readonly #socket: Socket;
  #chunk: Buffer = Buffer.alloc(0);
  #at = 0;
  #ended = false;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      socket.pause();
      this.#chunk = chunk;
      this.#at = 0;
      this.#give();
    });
    // The last chunk has been given to us by then, and not yet given out.
    socket.on("end", () => {
      this.#ended = true;
      this.#give();
    });
    socket.on("error", (error) => this.destroy(error));
  }

  #give(): void {
    while (this.#at < this.#chunk.length) {
      if (!this.push(this.#chunk.subarray(this.#at, ++this.#at))) return;
    }
    if (this.#ended) this.push(null);
    else this.#socket.resume();
  }

  override _read(): void {
    this.#give();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#socket.write(chunk, encoding, callback);
  }

  override _final(callback: () => void): void {
    this.#socket.end(callback);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#socket.destroy();
    callback(error);
  }
}

/** As the client's `socket` option takes it. */
export async function dialSingleOctets({ host, port }: { host: string; port: number }): Promise<Duplex> {
  const socket = connect({ host, port, noDelay: true });
  await once(socket, "connect");
  return new SingleOctets(socket);
}
