// Opens many sessions in one process, and measures what each of them costs while it does nothing.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { costOf, liveHeap } from "../clock.ts";
import type { Contender, ContenderSession } from "../contenders/contender.ts";
import type { IdleJob, Outcome } from "../job.ts";
import { settled } from "./churn.ts";

const AT_ONCE = 100;
/** The first sessions load what all of them share. */
const FIRST = 20;

export async function runIdle(contender: Contender, { target, sessions }: IdleJob): Promise<Outcome> {
  const opened: ContenderSession[] = [];
  const open = async (): Promise<void> => {
    const session = await contender.open(target);
    await session.uidl?.();
    opened.push(session);
  };
  const openUntil = async (count: number): Promise<void> => {
    while (opened.length < count)
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - opened.length) }, open));
  };
  await openUntil(FIRST);
  await settled();
  const heap = liveHeap();
  const resident = process.memoryUsage.rss();
  const delays = monitorEventLoopDelay({ resolution: 5 });
  delays.enable();
  const { cpu } = await costOf(() => openUntil(FIRST + sessions));
  delays.disable();
  await settled();
  const outcome = {
    cpu: cpu / sessions,
    delay: delays.percentile(99) / 1e6,
    heap: ((liveHeap() - heap) * 1000) / sessions,
    resident: (process.memoryUsage.rss() - resident) / 1000 / sessions,
  };
  for (let at = 0; at < opened.length; at += AT_ONCE)
    await Promise.all(opened.slice(at, at + AT_ONCE).map((session) => session.quit()));
  return outcome;
}
