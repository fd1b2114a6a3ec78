// Runs UIDL or LIST on a large mailbox: for the first time in a process, and again after the code is
// compiled.
import { costOf, liveHeap, peakMemory } from "../clock.ts";
import type { Contender } from "../contenders/contender.ts";
import type { ListingJob, Outcome } from "../job.ts";

const REPEATS = 4;
/** Milliseconds; a listing that takes longer is repeated only once. */
const LONG = 1000;

export async function runListing(contender: Contender, { target, command }: ListingJob): Promise<Outcome> {
  const session = await contender.open(target);
  const list = session[command]?.bind(session);
  if (list === undefined) throw new Error("does not support the command");
  const kept: { listing: unknown } = { listing: undefined };
  const before = liveHeap();
  const peakBefore = peakMemory();
  const first = await costOf(async () => {
    kept.listing = await list();
  });
  const used = process.memoryUsage().heapUsed / 1e6 - before;
  const entries = entriesOf(kept.listing);
  const live = liveHeap() - before;
  let warm = Infinity;
  let warmCpu = Infinity;
  for (let repeat = first.ms > LONG ? REPEATS - 1 : 0; repeat < REPEATS; repeat++) {
    kept.listing = undefined;
    liveHeap();
    const { ms, cpu } = await costOf(async () => {
      kept.listing = await list();
    });
    warm = Math.min(warm, ms);
    warmCpu = Math.min(warmCpu, cpu);
  }
  await session.quit();
  return { ...first, warm, warmCpu, entries, used, live, resident: first.peak - peakBefore };
}

function entriesOf(listing: unknown): number {
  if (listing instanceof Map) return listing.size;
  if (Array.isArray(listing)) return Object.keys(listing).length;
  return typeof listing === "object" && listing !== null ? Object.keys(listing).length : 0;
}
