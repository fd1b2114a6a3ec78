// The faults of a storm, drawn from a seed: the same seed and the same length give the same schedule.
import { Random } from "../../bench/random.ts";
import { HOSTS, TIMES, WORKERS } from "./settings.ts";

export const FAULTS = ["kill", "stop", "redis", "flush", "postgres", "host"] as const;
type FaultKind = (typeof FAULTS)[number];

/** One fault. Times are in milliseconds since the storm began. */
export interface Fault {
  readonly kind: FaultKind;
  readonly at: number;
  /** How long it lasts, if that is not decided by a server that starts again. */
  readonly for: number;
  /** The number of the worker or host. */
  readonly which: number;
}

interface Plan {
  /** Milliseconds from one to the next, on average. */
  readonly every: number;
  /** When the first one may come. */
  readonly from: number;
  readonly for: (random: Random) => number;
  /** Of how many one is chosen. */
  readonly of: number;
}

const PLANS: Readonly<Record<FaultKind, Plan>> = {
  kill: { every: 6000, from: 1000, for: () => 0, of: WORKERS },
  // Longer than the lease and the lock together: others have taken the mailboxes when the worker goes on.
  stop: { every: 13_000, from: 4000, for: (random) => 2 * TIMES.lease + random.below(5000), of: WORKERS },
  redis: { every: 25_000, from: 9000, for: (random) => random.below(2000), of: 1 },
  flush: { every: 45_000, from: 25_000, for: () => 0, of: 1 },
  postgres: { every: 27_000, from: 14_000, for: () => 0, of: 1 },
  host: { every: 30_000, from: 12_000, for: (random) => 6000 + random.below(4000), of: HOSTS.length },
};

/** A schedule of one fault: the first host is gone, but for the beginning and the end. */
export function oneHostGone(seconds: number): readonly Fault[] {
  return [{ kind: "host", at: seconds * 100, for: seconds * 800, which: 0 }];
}

/** Draws the faults of a storm of this length, in the order of their times. */
export function scheduleOf(seed: number, seconds: number): readonly Fault[] {
  const faults = FAULTS.flatMap((kind, number) => {
    // Each kind has numbers of its own: a longer storm begins as a shorter one does.
    const random = new Random(seed * 31 + number * 7919 + 1);
    const { every, from, for: lasts, of } = PLANS[kind];
    const drawn: Fault[] = [];
    for (
      let at = from + random.below(every / 2);
      at < seconds * 1000;
      at += every * 0.75 + random.below(every / 2)
    )
      drawn.push({ kind, at: Math.round(at), for: lasts(random), which: random.below(of) });
    return drawn;
  });
  return faults.sort((a, b) => a.at - b.at);
}
