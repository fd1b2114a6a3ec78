// Reads a plain TCP socket into one Buffer that is reused for every chunk. `data` events allocate a new
// Buffer for each chunk. The page faults and the garbage collection of these cost more than parsing the
// octets. TLS sockets do not support this way of reading.
import type { OnReadOpts } from "node:net";

/** The size of the read buffer in octets. */
const MEMORY = 64 * 1024;

/** The largest chunk in octets, of an inlet or of a `data` event. Bun reads as much as is available. */
export const CHUNK: number = "bun" in process.versions ? 512 * 1024 : 64 * 1024;

export class Inlet {
  /** Called with each chunk. Its octets change after the call has returned. */
  onData: ((chunk: Buffer) => void) | undefined;
  /** The option for `net.Socket`. The socket must stay paused until {@link onData} is set. */
  readonly onread: OnReadOpts;

  constructor() {
    // Always the same Buffer: if the callback throws, Node would not know which Buffer is the next one.
    const memory = Buffer.allocUnsafeSlow(MEMORY);
    this.onread = {
      buffer: memory,
      callback: (octets) => {
        this.onData?.(memory.subarray(0, octets));
        return true;
      },
    };
  }
}

/**
 * Creates an inlet, but not on Deno. Deno keeps reading this way after STLS, so the TLS handshake would hang.
 */
export function plainInlet(): Inlet | undefined {
  return process.versions["deno"] === undefined ? new Inlet() : undefined;
}
