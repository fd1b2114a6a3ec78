// The octets of one connection, in the clear or within TLS: read one after the other, written no faster than they
// are taken.
import type { Socket } from "node:net";
import { TLSSocket, type TLSSocketOptions } from "node:tls";

export interface WireSetup {
  /** For TLS from the first octet, and for STLS. */
  readonly tls: TLSSocketOptions;
  /** The most octets in a packet. */
  readonly chunk: number;
  /** Milliseconds before the first octet is written, and each time before what came is taken up. */
  readonly latency: number;
}

/** How what is written is cut, and how long each piece waits for the one before. */
export interface Packets {
  /** The most octets. */
  readonly size: number;
  /** Milliseconds; 0 for a turn of the event loop. */
  readonly interval: number;
}

/** How a connection ends: FIN (and close_notify before it), FIN alone, RST, or not at all, without another octet. */
export type WireEnd = "close" | "cut" | "reset" | "stall";

/** What is written together goes out together, up to so many octets. */
const TOGETHER = 64 * 1024;

/** Milliseconds; a timer that is longer would go off at once. */
const LONGEST = 2 ** 31 - 1;

export class Wire {
  readonly #socket: Socket;
  /** `#socket`, or TLS over it. */
  #stream: Socket;
  readonly #setup: WireSetup;
  /** Unless {@link push} is told otherwise. */
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

  /** What has come, or `undefined` when nothing more will. What was written goes out first. */
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

  /** Writes soon: with what comes next, or before the next octet is waited for. Rejects when the client is gone. */
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

  /** Octets that came in the clear and were not read yet go to the handshake, which fails of them. */
  async startTls(): Promise<TLSSocket> {
    await this.flush();
    const stream = this.#watched(new TLSSocket(this.#socket, { ...this.#setup.tls, isServer: true }));
    // What fails behind the handshake is no `error` of a TLSSocket that no tls.Server has made, and a write behind
    // it may never end.
    stream.once("_tlsError", () => stream.destroy());
    this.#stream = stream;
    const secure = new Promise<void>((resolve) => {
      stream.once("secure", () => {
        resolve();
      });
    });
    if (!(await this.#unlessGone(secure))) throw new Error("the handshake failed");
    return stream;
  }

  /** Resolves after so many milliseconds, or when the client is gone. */
  async pass(milliseconds: number): Promise<void> {
    if (milliseconds === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const passed = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, Math.min(milliseconds, LONGEST));
    });
    await this.#unlessGone(passed);
    clearTimeout(timer);
  }

  /** Resolves when the client has closed, too. What it says until then is not listened to. */
  async end(how: WireEnd): Promise<void> {
    await this.flush();
    if (how === "reset") {
      // What was written must have been read: RST throws away what the other side has not.
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

  /** Waits. Returns whether the client was there until then: one that leaves shows only to who reads. */
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
    // A client that resets the connection, or does not trust the certificate, is none of our failures.
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

  /** Resolves when the octets have left: that is what keeps a large message from being piled up here. */
  #write(octets: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(octets, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }
}

/** Lets the event loop look for I/O once, so that a client in this process reads what was sent before. */
export async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}
