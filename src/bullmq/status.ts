// The state of a fleet as a whole, for a status page: counts, lag, hosts, workers, and the mailboxes that are worst off.
import type { Pop3ErrorCode } from "../errors.ts";
import type { RedisHost } from "../redis/host.ts";
import type { RedisPlaces } from "../redis/places.ts";
import type { FleetRecords } from "./records.ts";
import { TROUBLES, type MailboxTrouble } from "./report.ts";
import { SILENCE, type FleetWorkerStatus, type WorkerRecord } from "./worker-record.ts";

/** A host of a fleet. */
export interface FleetHost extends RedisHost {
  /** Set if a worker could not reach it. */
  readonly down?: {
    /** The code of the last error. */
    readonly code: Pop3ErrorCode;
    /** When a worker tries it next, in milliseconds since 1970. */
    readonly nextPollAt: number;
  };
}

/** A mailbox that something is wrong with. */
export interface TroubledMailbox {
  /** The id under which the mailbox was added. */
  readonly id: string;
  /** What is wrong. `"late"`: it was due more than a minute ago, and was not polled. */
  readonly state: MailboxTrouble | "late";
  /** Since when, in milliseconds since 1970. */
  readonly since: number;
}

/** The state of a fleet. */
export interface FleetStatus {
  /** The number of mailboxes that have a job. */
  readonly mailboxes: number;
  /** The number of mailboxes that are polled now. */
  readonly active: number;
  /** The number of mailboxes that are due, and wait. */
  readonly due: number;
  /** How long the one has waited that was due first, in milliseconds. 0: none waits. */
  readonly lag: number;
  /** The mailboxes by their state. `late`, which others can be as well, counts those due for more than a minute. */
  readonly states: Readonly<Record<"ok" | "late" | MailboxTrouble, number>>;
  /** The 20 mailboxes that have been in trouble for the longest time, without those that are paused. */
  readonly worst: readonly TroubledMailbox[];
  /** The hosts that have places, or that a worker could not reach. */
  readonly hosts: readonly FleetHost[];
  /** The workers that have reported lately. */
  readonly workers: readonly FleetWorkerStatus[];
}

/** A mailbox that has waited for longer than this is late, in milliseconds. */
const LATE = 60_000;

/** How many mailboxes are named. */
const WORST = 20;

/** The numbers of jobs. */
export interface JobCounts {
  readonly mailboxes: number;
  /** The ids of the mailboxes that are polled now. */
  readonly active: ReadonlySet<string>;
}

export async function statusOf(
  records: FleetRecords,
  places: RedisPlaces,
  { mailboxes, active }: JobCounts,
): Promise<FleetStatus> {
  const now = Date.now();
  const [due, late, oldest, troubles, pausedHere, hosts, all, ...candidates] = await Promise.all([
    records.countDue(now),
    records.countDue(now - LATE),
    // Those that are polled now were due, too.
    records.oldestDue(now, WORST + active.size),
    records.countTroubles(),
    records.countPaused(),
    places.hosts(),
    records.workers(),
    ...TROUBLES.map(async (state) =>
      (await records.oldestTroubles(state, WORST)).map(([id, since]) => ({ id, state, since })),
    ),
  ]);
  const waiting = oldest.filter(([id]) => !active.has(id));
  const polled = oldest.filter(([id]) => active.has(id));
  const lateOnes = waiting
    .filter(([, at]) => at < now - LATE)
    .map(([id, since]) => ({ id, state: "late" as const, since }));
  const paused = troubles.paused + pausedHere;
  const polledAndLate = polled.filter(([, at]) => at < now - LATE).length;
  const wrong = TROUBLES.reduce((sum, trouble) => sum + troubles[trouble], 0) + pausedHere;
  const workers = all.filter(({ at }) => at > now - SILENCE);
  return {
    mailboxes,
    active: active.size,
    due: Math.max(0, due - polled.length),
    lag: Math.max(0, now - (waiting[0]?.[1] ?? now)),
    states: {
      ok: Math.max(0, mailboxes - wrong),
      late: Math.max(0, late - polledAndLate),
      ...troubles,
      paused,
    },
    worst: worstOf([...candidates.flat(), ...lateOnes]),
    hosts: withOutages(hosts, workers),
    workers: workers.map(({ hosts: _, ...worker }) => worker),
  };
}

/** Each mailbox once, the longest in trouble first. */
function worstOf(all: readonly TroubledMailbox[]): readonly TroubledMailbox[] {
  const sorted = all.filter(({ state }) => state !== "paused").sort((a, b) => a.since - b.since);
  const first = new Map<string, TroubledMailbox>();
  for (const each of sorted) if (!first.has(each.id)) first.set(each.id, each);
  return [...first.values()].slice(0, WORST);
}

/** Of several workers that cannot reach a host, the next try counts. */
function withOutages(hosts: readonly RedisHost[], workers: readonly WorkerRecord[]): readonly FleetHost[] {
  const all = new Map<string, FleetHost>(hosts.map((host) => [host.host, host]));
  for (const { host, code, nextPollAt } of workers.flatMap((worker) => worker.hosts)) {
    // Redis forgets a host that nothing can reach.
    const known = all.get(host) ?? { host, taken: 0, limit: 0, mean: 0, reservedUntil: 0 };
    if (nextPollAt < (known.down?.nextPollAt ?? Infinity))
      all.set(host, { ...known, down: { code, nextPollAt } });
  }
  return [...all.values()];
}
