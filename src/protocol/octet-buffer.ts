// Collects octets that arrive in pieces of any size. Its memory is proportional to the octets received, and
// its time is linear.
import { constants } from "node:buffer";

/** The largest first allocation in octets. The rest of the announced size is allocated when this is full. */
const BELIEVED = 1024 * 1024;
/** The largest announced size that is allocated, in octets. A larger buffer grows by doubling. */
const LARGEST_HINT = 64 * BELIEVED;

const NOTHING: Buffer = Buffer.alloc(0);

export class OctetBuffer {
  readonly #announced: number;
  readonly #allocate: (size: number) => Buffer;
  #room: Buffer = NOTHING;
  #size = 0;

  /**
   * `announced`: the expected size in octets. It is a hint: it affects the allocation, never the content. `allocate`:
   * returns memory, which need not be initialised.
   */
  constructor(announced = 0, allocate = (size: number): Buffer => Buffer.allocUnsafe(size)) {
    this.#announced = Math.min(announced, LARGEST_HINT);
    this.#allocate = allocate;
  }

  /** The number of octets collected. */
  get size(): number {
    return this.#size;
  }

  /** Appends a copy of the octets, so the caller may reuse its buffer. */
  append(octets: Buffer): void {
    const size = this.#size + octets.length;
    if (size > this.#room.length) this.#grow(size);
    this.#room.set(octets, this.#size);
    this.#size = size;
  }

  #grow(size: number): void {
    const first = this.#room.length === 0;
    const hint = first ? Math.min(this.#announced, BELIEVED) : this.#announced;
    // Without an announced size, a message that arrives in one piece needs no spare memory.
    const wanted = Math.max(hint, first ? size : Math.min(size * 2, constants.MAX_LENGTH));
    const room = this.#allocate(wanted);
    room.set(this.#filled, 0);
    this.#room = room;
  }

  get #filled(): Buffer {
    return this.#size === this.#room.length ? this.#room : this.#room.subarray(0, this.#size);
  }

  /** Returns the collected octets as {@link join} does, and starts again with none. */
  take(): Buffer {
    const taken = this.join();
    this.#room = NOTHING;
    this.#size = 0;
    return taken;
  }

  /** Returns the collected octets in one Buffer. Copies them if more than half of the memory is unused. */
  join(): Buffer {
    const filled = this.#filled;
    if (this.#size * 2 >= this.#room.length) return filled;
    const copy = this.#allocate(this.#size);
    copy.set(filled);
    return copy;
  }
}
