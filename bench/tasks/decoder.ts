// Runs the dot decoder alone, from the sources, because the package does not export it. The inputs are
// typical mail and the worst cases, in chunks from the size that a socket delivers down to single bytes.
import { DotDecoder } from "../../src/protocol/dot-decoder.ts";
import type { DecoderJob, Outcome } from "../job.ts";
import { base64Lines, prose } from "../mail.ts";
import { stuffed } from "../mailbox.ts";
import { Random } from "../random.ts";

/** Bytes: small enough to stay in the processor's cache, like a chunk that was just received. */
const SIZE = 256 * 1024;
const RUN = 40; // milliseconds
const RUNS = 4;

const INPUTS: Readonly<Record<string, () => Buffer>> = {
  base64: () => Buffer.from(base64Lines(new Random(1), SIZE)),
  prose: () => stuffed(Buffer.from(prose(new Random(2), SIZE))),
  "dot lines": () => Buffer.from("..\r\n".repeat(SIZE / 4)),
  "a line of dots": () => Buffer.alloc(SIZE, "."),
  "all CR": () => Buffer.alloc(SIZE, "\r"),
  "all LF": () => Buffer.alloc(SIZE, "\n"),
};

export const decoderInputs: readonly string[] = Object.keys(INPUTS);

export function runDecoder({ input, chunk }: DecoderJob): Outcome {
  const octets = (INPUTS[input] as () => Buffer)();
  const chunks: Buffer[] = [];
  for (let at = 0; at < octets.length; at += chunk) chunks.push(octets.subarray(at, at + chunk));
  let given = 0;
  const decoder = new DotDecoder();
  const original = Buffer.from(octets);
  // No input ends the block, so the decoder can run on it again and again. It changes its input.
  const restore = (): void => {
    octets.set(original);
  };
  const decode = (): void => {
    for (const piece of chunks) {
      for (let at = 0; at < piece.length; given += decoder.octets.length) at = decoder.decode(piece, at);
    }
  };
  const dots = (): void => {
    for (const piece of chunks) {
      for (let at = piece.indexOf(46); at !== -1; at = piece.indexOf(46, at + 1)) given++;
    }
  };
  const ends = (): void => {
    for (const piece of chunks) {
      for (let at = piece.indexOf("\r\n."); at !== -1; at = piece.indexOf("\r\n.", at + 3)) given++;
    }
  };
  const [speed, dotSpeed, endSpeed] = [decode, dots, ends].map((work, index) =>
    // The searches are measured only in large chunks.
    index > 0 && chunk < 1024 ? 0 : fastest(work, octets.length, restore),
  );
  if (given < 0) throw new Error("nothing was decoded");
  return { speed: speed as number, dots: dotSpeed as number, ends: endSpeed as number };
}

/** Returns gigabytes per second, the best of a few runs: a disturbance can only make a run slower. */
function fastest(work: () => void, octets: number, before: () => void): number {
  let best = 0;
  for (let run = 0; run < RUNS; run++) {
    let rounds = 0;
    let took = 0;
    while (took < RUN) {
      before();
      const began = performance.now();
      work();
      took += performance.now() - began;
      rounds++;
    }
    best = Math.max(best, (octets * rounds) / took / 1e6);
  }
  return best;
}
