// What a stretch of work costs the process: time and CPU in milliseconds, memory in megabytes.
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { HOST } from "./contenders/contender.ts";

export interface Cost {
  readonly ms: number;
  /** All threads of the process, in and out of the kernel. */
  readonly cpu: number;
  /** The most that the process has held resident since its start. */
  readonly peak: number;
}

export async function costOf(work: () => Promise<void>): Promise<Cost> {
  const began = performance.now();
  const before = process.cpuUsage();
  await work();
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(before);
  return { ms, cpu: (user + system) / 1000, peak: peakMemory() };
}

export function peakMemory(): number {
  return process.resourceUsage().maxRSS / 1000; // from kibibytes, as good as
}

/** Megabytes of live objects in the heap of JavaScript. */
export function liveHeap(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1e6;
}

/** How many round trips the delay proxy has counted until now. */
export async function roundTrips(counts: number): Promise<number> {
  return Number(await text(connect(counts, HOST)));
}
