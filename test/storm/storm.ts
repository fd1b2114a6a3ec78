// Runs a storm: mail comes in all the time, the faults of the schedule happen, and then everything must have arrived.
import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import { Fleet } from "popwright/bullmq";
import { Random } from "../../bench/random.ts";
import { RedisServer } from "../fleet/redis-server.ts";
import { PostgresServer } from "../servers/postgres.ts";
import type { HostReport } from "./host.ts";
import { HostProcess, WorkerProcess } from "./processes.ts";
import type { Fault } from "./schedule.ts";
import {
  ALL_BOXES,
  HOSTS,
  LEDGERS,
  longestGap,
  RATE,
  TIMES,
  WORKERS,
  type LedgerKind,
  type WorkerOrder,
} from "./settings.ts";
import { Spans, type Span } from "./spans.ts";
import { StormTables, type Stored } from "./tables.ts";
import type { PollMessage, TurnMessage } from "./worker.ts";

/** Everything that was counted. */
export interface StormResult {
  readonly faults: readonly Fault[];
  readonly added: Readonly<Record<LedgerKind, number>>;
  readonly stored: Readonly<Record<LedgerKind, Stored>>;
  readonly tries: Stored;
  readonly oldFences: Readonly<Record<LedgerKind, number>>;
  readonly polls: readonly PollMessage[];
  /** When turns began. */
  readonly begun: readonly { readonly begun: string; readonly at: number }[];
  readonly hosts: readonly HostReport[];
  /** The largest number of jobs in `failed`, at any time. */
  readonly failed: number;
  /** How often a worker has ended by itself. */
  readonly workerFailures: number;
  readonly ends: readonly { readonly ms: number; readonly code: number | null }[];
  /** When Redis was away, PostgreSQL was away, Redis was flushed, each host was away, a worker was stopped. */
  readonly redis: Spans;
  readonly postgres: Spans;
  readonly flushes: Spans;
  readonly gone: readonly Spans[];
  readonly stopped: readonly Spans[];
  /** When each worker was starting. */
  readonly starting: readonly Spans[];
  /** When this process itself did not run: the machine had other work. */
  readonly machine: Spans;
  /** From the beginning of the storm to its last look; milliseconds since 1970. */
  readonly time: Span;
  /** How long it took after the last fault until all mail had arrived, in milliseconds. */
  readonly drained: number;
}

export class Storm {
  readonly #postgres: PostgresServer;
  readonly #redis: RedisServer;
  readonly #hosts: readonly HostProcess[];
  readonly #tables: StormTables;
  readonly #fleets: ReadonlyMap<LedgerKind, Fleet>;
  readonly #client: Redis;
  readonly #workers: readonly WorkerProcess[];
  readonly #polls: PollMessage[] = [];
  readonly #begun: { readonly begun: string; readonly at: number }[] = [];
  readonly #added: Record<LedgerKind, number> = { postgres: 0, redis: 0 };
  readonly #spans = { redis: new Spans(), postgres: new Spans(), flushes: new Spans(), machine: new Spans() };
  readonly #isOver: AbortController = new AbortController();
  #failed = 0;
  #serial = 0;
  /** Restarts of a server, one after the other. */
  readonly #turns: { redis: Promise<unknown>; postgres: Promise<unknown> } = {
    redis: Promise.resolve(),
    postgres: Promise.resolve(),
  };

  /** Starts servers and workers. */
  static async start(): Promise<Storm> {
    const [postgres, redis, ...hosts] = await Promise.all([
      PostgresServer.start(),
      RedisServer.start(),
      ...HOSTS.map((_, host) => HostProcess.start(host)),
    ]);
    return new Storm({ postgres, redis, hosts, tables: await StormTables.create(postgres.host) });
  }

  private constructor(parts: {
    readonly postgres: PostgresServer;
    readonly redis: RedisServer;
    readonly hosts: readonly HostProcess[];
    readonly tables: StormTables;
  }) {
    this.#postgres = parts.postgres;
    this.#redis = parts.redis;
    this.#hosts = parts.hosts;
    this.#tables = parts.tables;
    this.#client = this.#redis.client();
    this.#fleets = new Map(LEDGERS.map((queue) => [queue, new Fleet({ redis: this.#client, queue })]));
    const order: WorkerOrder = {
      postgres: this.#postgres.host,
      redis: this.#redis.port,
      ports: this.#hosts.map(({ port }) => port),
    };
    this.#workers = Array.from(
      { length: WORKERS },
      () => new WorkerProcess(order, (message) => this.#hear(message)),
    );
  }

  /** Does it all. `say` is called with what happens. */
  async run(
    seed: number,
    seconds: number,
    faults: readonly Fault[],
    say: (text: string) => void,
  ): Promise<StormResult> {
    const { signal } = this.#isOver;
    const watching = [this.#reconcile(signal), this.#watchMachine(signal), this.#watchFailed(signal)];
    await this.#until(() => new Set(this.#polls.map(({ id }) => id)).size === ALL_BOXES.length);
    say("every mailbox was polled: the storm begins");
    this.#polls.length = 0;
    const mail = new AbortController();
    const coming = this.#receiveMail(new Random(seed), mail.signal);
    const began = Date.now();
    const happening = faults.map(async (fault) => {
      await delay(began + fault.at - Date.now());
      say(`${(fault.at / 1000).toFixed(1).padStart(6)} s  ${textOf(fault)}`);
      await this.#happen(fault);
    });
    await delay(seconds * 1000);
    await Promise.all(happening);
    mail.abort();
    await coming;
    say("the storm is over");
    const quiet = Date.now();
    await this.#drain();
    const drained = Date.now() - quiet;
    // Twice the longest pause: what would come a second time has time to do so.
    await delay(2 * TIMES.longest);
    const time = { from: began, to: Date.now() };
    const hosts = await Promise.all(this.#hosts.map((host) => host.report()));
    const workerFailures = this.#workers.reduce((sum, { failures }) => sum + failures, 0);
    const ends = await Promise.all(this.#workers.map((worker) => worker.end()));
    this.#isOver.abort();
    await Promise.all(watching);
    return {
      faults,
      added: this.#added,
      stored: {
        postgres: await this.#tables.stored("postgres"),
        redis: await this.#tables.stored("redis"),
      },
      tries: await this.#tables.tries(),
      oldFences: await this.#tables.oldFences(),
      polls: this.#polls,
      begun: this.#begun,
      hosts,
      failed: this.#failed,
      workerFailures,
      ends,
      ...this.#spans,
      gone: this.#hosts.map(({ gone }) => gone),
      stopped: this.#workers.map(({ stopped }) => stopped),
      starting: this.#workers.map(({ starting }) => starting),
      time,
      drained,
    };
  }

  #hear(message: TurnMessage): void {
    if ("begun" in message) this.#begun.push(message);
    else this.#polls.push(message);
  }

  /** Ends everything, whatever has happened. */
  async stop(): Promise<void> {
    this.#isOver.abort();
    await Promise.all([
      ...this.#workers.map((worker) => worker.destroy()),
      ...this.#hosts.map((host) => host.kill()),
    ]);
    await this.#tables.close();
    await Promise.all([this.#redis.stop(), this.#postgres.stop()]);
  }

  async #happen({ kind, for: ms, which }: Fault): Promise<void> {
    const worker = this.#workers[which];
    const host = this.#hosts[which];
    const { redis, postgres, flushes } = this.#spans;
    if (kind === "kill") worker?.kill();
    if (kind === "stop") await worker?.stop(() => delay(ms));
    if (kind === "host") await host?.leave(() => delay(ms));
    if (kind === "flush") {
      const over = flushes.begin();
      await this.#client.flushall();
      over();
    }
    if (kind === "redis")
      await (this.#turns.redis = this.#turns.redis.then(async () => {
        const over = redis.begin();
        await this.#redis.kill();
        await delay(ms);
        await this.#redis.restart();
        over();
      }));
    if (kind === "postgres")
      await (this.#turns.postgres = this.#turns.postgres.then(async () => {
        const over = postgres.begin();
        await this.#postgres.crash();
        over();
      }));
  }

  /** Adds mail to mailboxes that the seed chooses. */
  async #receiveMail(random: Random, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const box = random.of(ALL_BOXES);
      this.#hosts[box.host]?.add(box.id, ++this.#serial);
      this.#added[box.ledger]++;
      await delay(1000 / RATE);
    }
  }

  /** Brings back what Redis has lost. */
  async #reconcile(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const [ledger, fleet] of this.#fleets) {
        const ids = ALL_BOXES.filter((box) => box.ledger === ledger).map(({ id }) => id);
        // While Redis is away, the next one does it.
        await fleet.reconcile(ids, { spread: TIMES.shortest }).catch(() => undefined);
      }
      await delay(TIMES.reconcile, undefined, { signal }).catch(() => undefined);
    }
    for (const fleet of this.#fleets.values()) await fleet.close();
  }

  async #watchFailed(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const counts = await Promise.all(
        LEDGERS.map((queue) => this.#client.zcard(`{popwright}:${queue}:failed`).catch(() => 0)),
      );
      this.#failed = Math.max(this.#failed, ...counts);
      await delay(500, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Notes when a timer is late: then other processes waited, too. */
  async #watchMachine(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const from = Date.now();
      await delay(50, undefined, { signal }).catch(() => undefined);
      const to = Date.now();
      if (to - from > 100) this.#spans.machine.add({ from, to });
    }
  }

  /** Waits until all mail is there. Gives up if none has arrived for twice the longest gap. */
  async #drain(): Promise<void> {
    let left = Infinity;
    let deadline = 0;
    await this.#until(async () => {
      const now = await this.#left();
      if (now < left) deadline = Date.now() + 2 * longestGap(2, true);
      left = now;
      return left === 0 || Date.now() > deadline;
    });
  }

  /** The number of messages that have not arrived. */
  async #left(): Promise<number> {
    const left = LEDGERS.map(
      async (ledger) => this.#added[ledger] - (await this.#tables.stored(ledger)).messages,
    );
    return (await Promise.all(left)).reduce((sum, each) => sum + each, 0);
  }

  async #until(condition: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await condition())) await delay(100);
  }
}

function textOf({ kind, for: ms, which }: Fault): string {
  const length = `for ${(ms / 1000).toFixed(1)} s`;
  const texts: Record<Fault["kind"], string> = {
    kill: `worker ${String(which)} is killed`,
    stop: `worker ${String(which)} is stopped ${length}`,
    redis: `Redis is killed, and stays away ${length}`,
    flush: "Redis loses everything",
    postgres: "PostgreSQL crashes, and starts again",
    host: `host ${String(which)} is gone ${length}`,
  };
  return texts[kind];
}
