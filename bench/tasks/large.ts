// Retrieves one message too large for memory: measures its speed, or the memory after the consumer stops
// reading.
import { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { costOf, peakMemory } from "../clock.ts";
import type { Contender } from "../contenders/contender.ts";
import type { LargeJob, Outcome } from "../job.ts";

export async function runLarge(contender: Contender, { target, readOnly }: LargeJob): Promise<Outcome> {
  const session = await contender.open(target);
  await session.prepare?.();
  const before = peakMemory();
  let octets = 0;
  const pauses = countPauses();
  if (readOnly === undefined) {
    const cost = await costOf(async () => {
      if (session.stream === undefined) {
        await session.retrieve(1, (message) => {
          octets += message.length;
        });
        return;
      }
      await session.stream((piece) => {
        octets += piece.length;
        return true;
      });
    });
    return { ...cost, before, octets, pauses: pauses() };
  }
  await session.stream?.((piece) => {
    octets += piece.length;
    return octets < readOnly;
  });
  // The consumer has stopped: bytes that arrive now stay in memory.
  const then = process.memoryUsage().rss / 1e6;
  await delay(2000);
  return { octets, then, later: process.memoryUsage().rss / 1e6, peak: peakMemory() };
}

/** Counts from now on how often a socket is paused. Returns the count. */
function countPauses(): () => number {
  let count = 0;
  const { prototype } = Socket;
  const pause: unknown = Reflect.get(prototype, "pause");
  prototype.pause = function (this: Socket) {
    count++;
    return (pause as () => typeof this).call(this);
  };
  return () => count;
}
