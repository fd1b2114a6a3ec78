// The bytes of one connection, in the clear or in TLS. Writes wait until the client has read, so that a large
// message is not buffered here.
import type { Socket } from "node:net";
import { TLSSocket, type TLSSocketOptions } from "node:tls";

export interface WireSetup {
  /** For implicit TLS and for STLS. */
  readonly tls: TLSSocketOptions;
  /** The maximum bytes in a packet. */
  readonly chunk: number;
  /** Milliseconds to wait before the first write, and before each chunk that was read is processed. */
  readonly latency: number;
}

/** How a write is split into packets, and the pause after each packet. */
export interface Packets {
  /** The maximum bytes in a packet. */
  readonly size: number;
  /** Milliseconds; 0 waits for a turn of the event loop. */
  readonly interval: number;
}

/** How a connection ends: close_notify and FIN, FIN alone, RST, or silence on an open connection. */
export type WireEnd = "close" | "cut" | "reset" | "stall";

/** Writes are collected up to this number of bytes, and then sent together. */
const TOGETHER = 64 * 1024;

/** Milliseconds; Node fires a longer timer at once. */
const LONGEST = 2 ** 31 - 1;

export class Wire {
  readonly #socket: Socket;
  /** `#socket`, or the TLS stream over it. */
  #stream: Socket;
  readonly #setup: WireSetup;
  /** The default for {@link push}. */
  readonly #packets: Packets;
  #wake: () => void = () => undefined;
  #pending: Buffer[] = [];
  #pendingOctets = 0;
  #begun = false;

  constructor(socket: Socket, setup: WireSetup) {
    this.#socket = socket;
    this.#setup = setup;
    this.#packets = { size: setup.chunk, interval: 0 };
    socket.setNoDelay(true);
    this.#stream = this.#watched(socket);
  }

  destroy(): void {
    this.#stream.destroy();
    this.#socket.destroy();
  }

  /**
   * Sends pending writes, then resolves with the bytes that arrived; `undefined` at the end of the
   * connection.
   */
  async read(): Promise<Buffer | undefined> {
    await this.flush();
    for (;;) {
      const octets = this.#stream.read() as Buffer | null;
      if (octets !== null) {
        await this.pass(this.#setup.latency);
        return octets;
      }
      if (this.#gone) return undefined;
      await this.#woken();
    }
  }

  /**
   * Buffers a write. It is sent with the next ones, or before the next read. Rejects if the client is gone.
   */
  async push(octets: Buffer, packets: Packets = this.#packets): Promise<void> {
    this.#pending.push(octets);
    this.#pendingOctets += octets.length;
    if (this.#pendingOctets >= TOGETHER) await this.flush(packets);
  }

  async flush({ size, interval }: Packets = this.#packets): Promise<void> {
    if (this.#pendingOctets === 0) return;
    if (!this.#begun) await this.pass(this.#setup.latency);
    this.#begun = true;
    const octets = this.#pending.length === 1 ? (this.#pending[0] as Buffer) : Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingOctets = 0;
    if (size >= octets.length && interval === 0) return this.#write(octets);
    for (let at = 0; at < octets.length; at += size) {
      await this.#write(octets.subarray(at, at + size));
      await (interval === 0 ? turn() : this.pass(interval));
    }
  }

  /** Starts TLS. Unread bytes from before go into the handshake and make it fail. */
  async startTls(): Promise<TLSSocket> {
    await this.flush();
    const stream = this.#watched(new TLSSocket(this.#socket, { ...this.#setup.tls, isServer: true }));
    // A TLSSocket made without a tls.Server emits no `error` for a failure after the handshake, and a later
    // write may never finish.
    stream.once("_tlsError", () => stream.destroy());
    this.#stream = stream;
    const secure = new Promise<void>((resolve) => {
      stream.once("secure", () => {
        resolve();
      });
    });
    if (!(await this.#unlessGone(secure))) throw new Error("the TLS handshake failed");
    return stream;
  }

  /** Resolves after the given milliseconds, or when the client is gone. */
  async pass(milliseconds: number): Promise<void> {
    if (milliseconds === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const passed = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, Math.min(milliseconds, LONGEST));
    });
    await this.#unlessGone(passed);
    clearTimeout(timer);
  }

  /**
   * Ends the connection. Resolves when the client has closed as well; ignores the bytes that it sends until
   * then.
   */
  async end(how: WireEnd): Promise<void> {
    await this.flush();
    if (how === "reset") {
      // Give the client time to read: RST discards the bytes that it has not read yet.
      await turn();
      this.#socket.resetAndDestroy();
      return;
    }
    if (how === "close") this.#stream.end();
    if (how === "cut") this.#socket.end();
    while ((await this.read()) !== undefined);
  }

  get #gone(): boolean {
    return this.#stream.readableEnded || this.#stream.destroyed;
  }

  /** Waits for an event. Returns false if the client leaves first; only a read shows that it has left. */
  async #unlessGone(event: Promise<void>): Promise<boolean> {
    const happened = event.then(() => true);
    do {
      this.#stream.read(0);
      if (this.#gone) return false;
    } while (!(await Promise.race([happened, this.#woken()])));
    return true;
  }

  #watched<S extends Socket>(stream: S): S {
    const wake = (): void => {
      this.#wake();
    };
    for (const event of ["readable", "end", "close"]) stream.on(event, wake);
    // A client that resets the connection or does not trust the certificate is not an error of this server.
    stream.on("error", wake);
    return stream;
  }

  #woken(): Promise<false> {
    return new Promise((resolve) => {
      this.#wake = () => {
        resolve(false);
      };
    });
  }

  /** Resolves when the bytes are sent, so that a large message is not buffered here. */
  #write(octets: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(octets, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }
}

/** Lets the event loop poll for I/O once, so that a client in this process reads the bytes sent before. */
export async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}
