// Runs thousands of sessions in one process, and measures what they leave: live objects, open handles.
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
  // The first tenth allocates what all later sessions share.
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

/** Waits a few turns of the event loop, until closed sockets are gone. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}
