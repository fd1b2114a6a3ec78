// Thousands of sessions in one process, and what is left behind them: live objects, open handles.
import { costOf, liveHeap } from "../clock.ts";
import type { Contender } from "../contenders/contender.ts";
import type { ChurnJob, Outcome } from "../job.ts";

export async function runChurn(contender: Contender, job: ChurnJob): Promise<Outcome> {
  const { target, sessions, atOnce } = job;
  let begun = 0;
  const some = async (until: number): Promise<void> => {
    while (begun < until) {
      begun++;
      const session = await contender.open(target);
      await session.uidl?.();
      await session.quit();
    }
  };
  const together = async (until: number): Promise<void> => {
    await Promise.all(Array.from({ length: atOnce }, () => some(until)));
  };
  // The first tenth brings in what every later session shares.
  await together(sessions / 10);
  await settled();
  const handles = process.getActiveResourcesInfo().length;
  const heap = liveHeap();
  const cost = await costOf(() => together(sessions));
  await settled();
  return {
    ...cost,
    rate: ((sessions - sessions / 10) * 1000) / cost.ms,
    grown: liveHeap() - heap,
    heap,
    handles: process.getActiveResourcesInfo().length - handles,
  };
}

/** Sockets that were closed are gone after a few turns of the loop. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}
