// Reads our sockets into one Buffer that all of them share. `data` events allocate a new Buffer for each chunk: the page
// faults and the garbage collection of these cost more than parsing the octets, and a Buffer for each socket is most of
// the memory of an idle session. Reads never nest, and nothing keeps a view of a chunk when its call returns.
import type { OnReadOpts, Socket } from "node:net";

/** The size of the read buffer in octets. */
const MEMORY = 64 * 1024;

/** The largest chunk in octets, of an inlet or of a `data` event. Bun reads as much as is available. */
export const CHUNK: number = "bun" in process.versions ? 512 * 1024 : 64 * 1024;

let shared: Buffer | undefined;

export class Inlet {
  /** Called with each chunk. Its octets change after the call has returned. */
  onData: ((chunk: Buffer) => void) | undefined;
  /** The socket that reads this way. */
  socket: Socket | undefined;
  /** The option for `net.Socket` and `tls.connect`. */
  readonly onread: OnReadOpts;

  constructor() {
    // Always the same Buffer. Node can be given another one for each read, but if anything throws after a read (a
    // listener, too), it reads into one and shows the other.
    const memory = (shared ??= Buffer.allocUnsafeSlow(MEMORY));
    this.onread = {
      buffer: memory,
      callback: (octets) => this.#take(memory.subarray(0, octets)),
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
}

/**
 * Creates an inlet for a socket, with TLS from the first octet (`secure`) or without. Not on Deno: it keeps reading this
 * way after STLS, so the TLS handshake would hang. With TLS not on Bun: it loses a greeting that arrives with the end of
 * the handshake.
 */
export function openInlet(secure: boolean): Inlet | undefined {
  const { deno, bun } = process.versions;
  return deno !== undefined || (secure && bun !== undefined) ? undefined : new Inlet();
}
