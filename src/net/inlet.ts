// Where a plain TCP socket puts what it reads: into the same memory again and again. A new Buffer for every chunk,
// as `data` events bring it, costs more than all that is done with its octets: page faults when it is filled, and
// the garbage collector behind it. TLS has no such way to read.
import type { OnReadOpts } from "node:net";

/** What is read into; octets. */
const MEMORY = 64 * 1024;

/** The most that a socket reads at once, in this way and by `data` events; octets. Bun reads as much as it can get. */
export const CHUNK: number = "bun" in process.versions ? 512 * 1024 : 64 * 1024;

export class Inlet {
  /** Called with what came. The octets change when it has returned. */
  onData: ((chunk: Buffer) => void) | undefined;
  /** For `net.Socket`, which has to be paused until {@link onData} is there. */
  readonly onread: OnReadOpts;

  constructor() {
    // One Buffer for ever: where a listener throws behind the callback, Node loses which one comes next.
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

/** Not on Deno: it goes on to read in this way behind STLS by hand, where the handshake would wait in vain. */
export function plainInlet(): Inlet | undefined {
  return process.versions["deno"] === undefined ? new Inlet() : undefined;
}
