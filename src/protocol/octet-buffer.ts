// Collects octets that come in pieces of any size: in memory of the order of what has come, in linear time.
import { constants } from "node:buffer";

/** An announcement is believed up to here at once, and to the end when so much has come; octets. */
const BELIEVED = 1024 * 1024;
/** No announcement is believed beyond this; what is larger grows by doubling. Octets. */
const LARGEST_HINT = 64 * BELIEVED;

const NOTHING: Buffer = Buffer.alloc(0);

export class OctetBuffer {
  readonly #announced: number;
  #room: Buffer = NOTHING;
  #size = 0;

  /** `announced`: how many octets are expected. A hint: it decides how memory is taken, never what is read. */
  constructor(announced = 0) {
    this.#announced = Math.min(announced, LARGEST_HINT);
  }

  /** How many octets have come. */
  get size(): number {
    return this.#size;
  }

  /** Copies the octets: what they were read into may be written to again. */
  append(octets: Buffer): void {
    const size = this.#size + octets.length;
    if (size > this.#room.length) this.#grow(size);
    this.#room.set(octets, this.#size);
    this.#size = size;
  }

  #grow(size: number): void {
    const first = this.#room.length === 0;
    const hint = first ? Math.min(this.#announced, BELIEVED) : this.#announced;
    // Without an announcement, a message that comes whole in one piece needs no room to grow.
    const wanted = Math.max(hint, first ? size : Math.min(size * 2, constants.MAX_LENGTH));
    const room = Buffer.allocUnsafe(wanted);
    room.set(this.#filled, 0);
    this.#room = room;
  }

  get #filled(): Buffer {
    return this.#size === this.#room.length ? this.#room : this.#room.subarray(0, this.#size);
  }

  /** What has come; from here on it begins anew. */
  take(): Buffer {
    const taken = this.#filled;
    this.#room = NOTHING;
    this.#size = 0;
    return taken;
  }

  /** What has come, in one Buffer without much room in it that was never filled. */
  join(): Buffer {
    return this.#size * 2 < this.#room.length ? Buffer.from(this.#filled) : this.#filled;
  }
}
