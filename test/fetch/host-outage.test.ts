// A host that is down among many: it costs a few connections, its mailboxes do not hold up those of other hosts, and
// they are polled again when it is back. In simulated time.
import { afterEach, expect, test, vi } from "vitest";
import { fetchAll, MemoryLedger, type FetchAllOptions, type FetchEvent } from "../../src/fetch/index.ts";
import { seeded, SimulatedTime } from "../support/simulated-time.ts";
import { SimulatedHosts } from "./simulated-hosts.ts";

const MINUTE = 60_000;
const START = 1_000_000_000_000;
const SEED = 14;

afterEach(() => vi.restoreAllMocks());

interface Poll {
  readonly host: string;
  /** When it connected. */
  readonly at: number;
  /** Milliseconds after the time at which it was due. */
  readonly lag: number;
}

class Simulation {
  readonly hosts: SimulatedHosts;
  readonly events: FetchEvent[] = [];
  readonly #time: SimulatedTime;
  readonly #due = new Map<string, number>();

  /** `latency`: of each reply, in milliseconds. */
  constructor(latency: number) {
    this.#time = new SimulatedTime(START);
    vi.spyOn(Math, "random").mockImplementation(seeded(SEED));
    this.hosts = new SimulatedHosts(latency);
  }

  /** Polls all mailboxes for some minutes. `at`: what happens after how many minutes. */
  async run(
    accounts: readonly (readonly [host: string, box: number])[],
    minutes: number,
    at: Readonly<Record<number, () => void>> = {},
    options: Partial<FetchAllOptions> = {},
  ): Promise<readonly Poll[]> {
    const stop = new AbortController();
    for (const [minute, happen] of Object.entries(at)) setTimeout(happen, Number(minute) * MINUTE);
    setTimeout(() => stop.abort(), minutes * MINUTE);
    const polls: Poll[] = [];
    const { connections } = this.hosts;
    const drain = (): void => {
      for (const { host, box, at: time } of connections.slice(polls.length))
        polls.push({ host, at: time - START, lag: time - (this.#due.get(`box${String(box)}`) ?? START) });
    };
    const loop = async (): Promise<void> => {
      const targets = accounts.map(([host, box]) => this.hosts.account(host, box));
      for await (const event of fetchAll(targets, {
        ...{ ledger: new MemoryLedger(), destination: () => undefined, repeat: true, stop: stop.signal },
        ...options,
      })) {
        drain();
        this.events.push(event);
        const next =
          event.type === "end"
            ? event.report.nextPollAt
            : event.type === "failed"
              ? event.error.report.nextPollAt
              : undefined;
        if (next !== undefined) this.#due.set(event.mailbox.split("@")[0] as string, next);
      }
    };
    await this.#time.passes(loop());
    drain();
    return polls;
  }

  /** The mailboxes that were told to wait, and those that failed. */
  get told(): { readonly held: readonly string[]; readonly failed: readonly string[] } {
    const held = this.events.flatMap((event) =>
      event.type === "end" && event.report.hostDown !== undefined ? [event.mailbox] : [],
    );
    const failed = this.events.flatMap((event) => (event.type === "failed" ? [event.mailbox] : []));
    return { held, failed };
  }
}

function percentile99(lags: readonly number[]): number {
  const sorted = [...lags].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.99)] ?? NaN;
}

/** Connections in each minute. */
function perMinute(polls: readonly Poll[], from: number, to: number): number[] {
  return Array.from(
    { length: to - from },
    (_, minute) => polls.filter(({ at }) => Math.floor(at / MINUTE) === minute + from).length,
  );
}

test("one of ten hosts is down for eight minutes, with a thousand mailboxes that are polled every four", async () => {
  const ACCOUNTS = Array.from({ length: 1000 }, (_, box) => [`host${String(box % 10)}.test`, box] as const);
  const SICK = "host3.test";
  const [DOWN, UP, END] = [4, 12, 18];
  // Four sessions begin in each second, and each takes 4 seconds: 17 of 20 are in use.
  const options = { maxSessions: 20, policy: { poll: { shortest: 2 * MINUTE, longest: 4 * MINUTE } } };

  async function simulate(isFaulty: boolean) {
    vi.restoreAllMocks();
    const simulation = new Simulation(670);
    const { down } = simulation.hosts;
    const polls = await simulation.run(
      ACCOUNTS,
      isFaulty ? END : UP,
      isFaulty
        ? {
            [DOWN]: () => void down.set(SICK, "refuses"),
            [(DOWN + UP) / 2]: () => void down.set(SICK, "hangs"),
            [UP]: () => void down.delete(SICK),
          }
        : {},
      options,
    );
    const isDuring = ({ at }: Poll): boolean => at >= DOWN * MINUTE && at < UP * MINUTE;
    const sick = polls.filter(({ host }) => host === SICK);
    const others = polls.filter((poll) => poll.host !== SICK && isDuring(poll));
    return {
      simulation,
      connections: perMinute(sick, DOWN, UP),
      /** Of the other hosts. */
      lag: percentile99(others.map(({ lag }) => lag)),
      others: others.length,
      after: sick.filter(({ at }) => at >= UP * MINUTE).length,
    };
  }

  const healthy = await simulate(false);
  const faulty = await simulate(true);
  const { held, failed } = faulty.simulation.told;
  console.log(
    [
      `connections per minute to the host that is down: ${faulty.connections.join(", ")}`,
      `(without the fault: ${healthy.connections.join(", ")})`,
      `p99 lag of the others: ${faulty.lag.toFixed(0)} ms (without the fault: ${healthy.lag.toFixed(0)} ms)`,
      `polls of the others: ${String(faulty.others)} (without the fault: ${String(healthy.others)})`,
      `of 100 mailboxes ${String(held.length)} were told to wait, and ${String(failed.length)} polls failed`,
      `polls in six minutes after the fault: ${String(faulty.after)}`,
    ].join("\n"),
  );
  expect(Math.max(...faulty.connections)).toBeLessThanOrEqual(6);
  expect(faulty.connections.reduce((sum, each) => sum + each)).toBeLessThanOrEqual(16);
  expect(faulty.lag).toBeLessThanOrEqual(1.2 * healthy.lag);
  // Each one that waits is told so once, and again only after it has tried. None is lost: all are polled after the outage.
  expect(new Set(held).size).toBeGreaterThanOrEqual(95);
  expect(held.length).toBeLessThanOrEqual(100 + failed.length);
  expect(faulty.after).toBeGreaterThanOrEqual(100);
});
