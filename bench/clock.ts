// Measures what a piece of work costs this process: time and CPU in milliseconds, memory in megabytes.
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { HOST } from "./contenders/contender.ts";

export interface Cost {
  readonly ms: number;
  /** The CPU time of all threads, in user mode and in the kernel. */
  readonly cpu: number;
  /** The peak resident memory of the process since its start. */
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
  return process.resourceUsage().maxRSS / 1000; // kibibytes, taken as kilobytes
}

/** Returns the megabytes of live objects in the JavaScript heap. */
export function liveHeap(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1e6;
}

/** Resolves with the number of round trips that the delay proxy has counted so far. */
export async function roundTrips(counts: number): Promise<number> {
  return Number(await text(connect(counts, HOST)));
}
