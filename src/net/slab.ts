// Memory for small messages, several of which share one slab: to allocate 16 KiB takes as long as to allocate 5 KiB. A
// message that the caller keeps also keeps its slab in memory, so slabs are small. The pool of Node has up to 64 KiB.

/** The size of a slab in octets. It is the most that a small message keeps in memory. */
export const SLAB: number = 16 * 1024;

const { bun, deno } = process.versions;
/** The largest part of a slab in octets. Only Node can protect a slab. */
const LARGEST = bun === undefined && deno === undefined ? SLAB / 2 : 0;

let slab: Buffer | undefined;
let used = 0;

/** Allocates memory that is not initialised: a part of a slab, or memory of its own if it is large. */
export function allocate(size: number): Buffer {
  if (size > LARGEST) return Buffer.allocUnsafeSlow(size);
  if (slab === undefined || used + size > SLAB) {
    slab = Buffer.allocUnsafeSlow(SLAB);
    // As Node does with its own pool: a transfer to a worker would take all messages of the slab away.
    process.getBuiltinModule("node:worker_threads").markAsUntransferable(slab.buffer);
    used = 0;
  }
  const part = slab.subarray(used, used + size);
  // The next part starts at a multiple of 8, as typed arrays of any kind need it.
  used = (used + size + 7) & ~7;
  return part;
}
