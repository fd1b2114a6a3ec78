// Reads our sockets into one Buffer that all of them share. `data` events allocate a new Buffer for each chunk: the page
// faults and the garbage collection of these cost more than parsing the octets, and a Buffer for each socket is most of
// the memory of an idle session. Reads never nest, and nothing keeps a view of a chunk when its call returns. Only while
// a reader keeps the octets, each chunk is read into memory that is handed over to it.
import type { OnReadOpts, Socket } from "node:net";

/** The size of the read buffer in octets. */
const MEMORY = 64 * 1024;

/** The largest chunk in octets, of an inlet or of a `data` event. Bun reads as much as is available. */
export const CHUNK: number = "bun" in process.versions ? 512 * 1024 : 64 * 1024;

let shared: Buffer | undefined;

export class Inlet {
  /** Called with each chunk. Its octets change after the call has returned, unless {@link keep} returned true. */
  onData: ((chunk: Buffer) => void) | undefined;
  /** The socket that reads this way. */
  socket: Socket | undefined;
  /** The option for `net.Socket` and `tls.connect`. */
  readonly onread: OnReadOpts;
  readonly #reused: Buffer = (shared ??= Buffer.allocUnsafeSlow(MEMORY));
  /** The memory that a chunk may be handed over with. */
  #own: Buffer | undefined;
  /** Whether the memory of the current chunk may be handed over, whether a reader wants to keep it, and has it. */
  #ownChunk = false;
  #wanted = false;
  #given = false;

  constructor() {
    this.onread = {
      // If the callback throws, Node continues with the same Buffer. But then the socket is closed.
      buffer: () => this.#next(),
      callback: (octets, memory) => {
        // A small chunk would keep a large memory alive.
        this.#ownChunk = memory === this.#own && octets * 2 >= MEMORY;
        return this.#take((memory as Buffer).subarray(0, octets));
      },
    };
  }

  /** Returns whether to read on. */
  #take(chunk: Buffer): boolean {
    const { socket, onData } = this;
    if (onData !== undefined && socket?.isPaused() !== true) {
      onData(chunk);
      return true;
    }
    // TLS may decrypt more before it stops, and a greeting may arrive with the end of the handshake. As a `data` event
    // these octets come when the socket is resumed.
    socket?.push(Buffer.from(chunk));
    return false;
  }

  /**
   * Hands over the memory of the current chunk, if possible. Returns `false` if it will be reused: then the reader
   * needs a copy, and the next chunk can be handed over.
   */
  keep(): boolean {
    this.#wanted = true;
    this.#given = this.#ownChunk;
    return this.#given;
  }

  #next(): Buffer {
    if (this.#given || !this.#wanted) this.#own = undefined;
    const wanted = this.#wanted;
    this.#wanted = this.#given = false;
    if (!wanted) return this.#reused;
    this.#own ??= Buffer.allocUnsafeSlow(MEMORY);
    return this.#own;
  }
}

/**
 * Creates an inlet, but not on Deno. Deno keeps reading this way after STLS, so the TLS handshake would hang.
 */
export function openInlet(): Inlet | undefined {
  return process.versions["deno"] === undefined ? new Inlet() : undefined;
}
