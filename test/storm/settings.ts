// What a storm is made of: its hosts, mailboxes and times, and the longest gap between two polls that follows from them.

/** A provider. Two of them lock a maildrop for one session, two do not, so that a second session can be seen. */
export interface HostSettings {
  readonly host: string;
  readonly locks: boolean;
}

export const HOSTS: readonly HostSettings[] = [
  { host: "127.0.0.2", locks: true },
  { host: "127.0.0.3", locks: true },
  { host: "127.0.0.4", locks: false },
  { host: "127.0.0.5", locks: false },
];

/** Where the ledger is. Each has a fleet of its own; both share hosts, workers, servers and faults. */
export const LEDGERS = ["postgres", "redis"] as const;
export type LedgerKind = (typeof LEDGERS)[number];

export const WORKERS = 3;
/** Mailboxes of one fleet on one host. */
const BOXES = 12;
/** Sessions of all workers with one host. */
export const CAP = 8;
/** Mailboxes that one worker polls at a time, for each fleet: all of them, if it is the only one left. */
export const CONCURRENCY = 50;
/** New messages in a second, over all mailboxes. */
export const RATE = 30;

/** Milliseconds. */
export const TIMES = {
  heartbeat: 1000,
  /** The lease of a mailbox in the ledger. */
  lease: 6000,
  /** The lock of a job, and the time between two checks for jobs whose worker is dead. */
  lock: 6000,
  /** The pauses between two polls: as after mail, and the longest one, which is the longest back-off, too. */
  shortest: 2000,
  longest: 6000,
  /** How often the accounts are reconciled with the queue. */
  reconcile: 2000,
  /** A fleet spreads the mailboxes of a host that was down over this time. */
  following: 10_000,
  /** How long a worker has to end after SIGTERM. */
  within: 25_000,
} as const;

/**
 * The longest gap between two turns of a mailbox. For each worker that is killed or stopped with the mailbox in its hands,
 * the lock of the job ends, a check finds it, and the lease in the ledger ends; then a pause and an interval follow. Outages
 * are not part of it. A turn that finds the host full is a turn: how long a place takes to become free depends on the
 * machine. `deaths`: the number of turns in the gap that did not end. `wasDown`: whether the host was away.
 */
export function longestGap(deaths: number, wasDown: boolean): number {
  const { lease, lock, longest, following, reconcile } = TIMES;
  const [stalledCheck, backOff, interval] = [lock, longest, longest];
  const death = lease + lock + stalledCheck;
  return Math.max(1, deaths) * death + backOff + interval + reconcile + (wasDown ? following : 0);
}

/** A mailbox: its id in the fleet, its user at the host, and its name in the ledger. */
export interface Box {
  readonly id: string;
  readonly ledger: LedgerKind;
  /** The number of its host. */
  readonly host: number;
  /** Half of the mailboxes delete what was delivered. */
  readonly deletes: boolean;
}

export const ALL_BOXES: readonly Box[] = LEDGERS.flatMap((ledger) =>
  HOSTS.flatMap((_, host) =>
    Array.from({ length: BOXES }, (__, at) => ({
      id: `${ledger}-${String(host)}-${String(at)}`,
      ledger,
      host,
      deletes: at % 2 === 0,
    })),
  ),
);

/** What a worker is told in the variable `STORM`. */
export interface WorkerOrder {
  /** The directory of the socket of PostgreSQL. */
  readonly postgres: string;
  readonly redis: number;
  /** The ports of the hosts. */
  readonly ports: readonly number[];
}

/** What a host is told in the variable `STORM`. */
export interface HostOrder {
  readonly host: number;
}

export const PASSWORD = "secret";
