// One run of the fleet's benchmark: `fetchMail` alone, then a fleet at a given rate, then as fast as it can.
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import { Fleet } from "popwright/bullmq";
import { makeCertificate } from "popwright/testing";
import { RedisServer } from "../../test/fleet/redis-server.ts";
import { boxOf, HOSTS, type Counted, type Order, type Question, type Tls } from "./settings.ts";
import type { Single } from "./single.ts";

/** Where the built programs are. This file may be built into another directory. */
const PROGRAMS = join(import.meta.dirname, import.meta.dirname.endsWith("fleet") ? "." : "fleet");

const children = new Set<ChildProcess>();

function start(program: string, order: Order, env: Readonly<Record<string, string>> = {}): ChildProcess {
  const child = fork(join(PROGRAMS, `${program}.js`), {
    env: { ...process.env, ...env, FLEET: JSON.stringify(order) },
  });
  children.add(child);
  child.once("exit", (code) => {
    children.delete(child);
    if (code !== 0 && code !== null) throw new Error(`${program} has ended with code ${String(code)}`);
  });
  return child;
}

async function answerOf<T>(child: ChildProcess): Promise<T> {
  const [answer] = (await once(child, "message")) as [T];
  return answer;
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

/** CPU milliseconds of Redis, and its memory in bytes. */
async function redisUse(redis: Redis): Promise<{ readonly cpu: number; readonly memory: number }> {
  const info = (await redis.info("cpu")) + (await redis.info("memory"));
  const of = (name: string): number => Number(new RegExp(`^${name}:(\\S+)`, "m").exec(info)?.[1]);
  return { cpu: 1000 * (of("used_cpu_user") + of("used_cpu_sys")), memory: of("used_memory") };
}

/** The names of what `measure` returns. */
export const HEAD: readonly string[] = [
  ...[
    "mailboxes",
    "workers",
    "TLS",
    "polls/s",
    "failed",
    "fetchMail",
    "worker",
    "Redis",
    "at rest: worker",
    "Redis",
  ],
  ...["worker / fetchMail", "job", "ledger", "lag p50", "lag p99", "bare handshake", "bare resumption"],
];

/** One part: all workers together. */
interface Part {
  readonly rate: number;
  readonly failures: number;
  readonly worker: number;
  readonly redis: number;
  readonly lags: readonly number[];
}

export class Run implements AsyncDisposable {
  readonly #redis: RedisServer;
  readonly #client: Redis;
  readonly #fleet: Fleet;
  readonly #ids: readonly string[];
  #workers: readonly ChildProcess[] = [];

  static async start(mailboxes: number): Promise<Run> {
    return new Run(await RedisServer.start(), mailboxes);
  }

  private constructor(redis: RedisServer, mailboxes: number) {
    this.#redis = redis;
    this.#client = redis.client();
    this.#fleet = new Fleet({ redis: this.#client });
    this.#ids = Array.from({ length: mailboxes }, (_, number) => boxOf(number).id);
  }

  async measure(
    tls: Tls,
    workers: number,
    { seconds, rate }: { readonly seconds: number; readonly rate: number },
  ): Promise<readonly string[]> {
    const mailboxes = this.#ids.length;
    const { cert, key } = makeCertificate({ names: [...HOSTS] });
    const first: Order = { mailboxes, tls, cert, key, ports: [], redis: this.#redis.port };
    const hosts = start("hosts", first);
    const order: Order = { ...first, ports: await answerOf<number[]>(hosts) };
    const single = await answerOf<Single>(start("single", order, { SECONDS: String(seconds) }));

    const { memory: before } = await redisUse(this.#client);
    const pause = (1000 * mailboxes) / rate;
    await this.#fleet.reconcile(this.#ids, { spread: pause });
    const jobs = ((await redisUse(this.#client)).memory - before) / mailboxes;
    this.#workers = Array.from({ length: workers }, () => start("worker", order));
    await Promise.all(this.#workers.map((worker) => answerOf(worker)));
    await this.#part(pause, 3);
    const paced = await this.#part(pause, seconds);

    await this.#client.flushall();
    await this.#ask(1);
    await this.#fleet.reconcile(this.#ids, { spread: 0 });
    await this.#part(1, 3);
    const busy = await this.#part(1, seconds);
    const ledger = await this.#ledgerBytes();
    await Promise.all([...this.#workers, hosts].map(end));

    const sorted = [...paced.lags].sort((a, b) => a - b);
    const quantile = (part: number): string =>
      `${String(Math.round(sorted[Math.floor(part * sorted.length)] ?? NaN))} ms`;
    return [
      ...[mailboxes, workers, tls, Math.round(busy.rate), busy.failures + paced.failures].map(String),
      ...[single.perPoll, busy.worker, busy.redis, paced.worker, paced.redis].map(
        (ms) => `${ms.toFixed(2)} ms`,
      ),
      (busy.worker / single.perPoll).toFixed(2),
      ...[jobs, ledger].map((bytes) => `${String(Math.round(bytes))} B`),
      ...[0.5, 0.99].map(quantile),
      ...[single.handshake, single.resumption].map((ms) => (ms === 0 ? "-" : `${ms.toFixed(2)} ms`)),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of children) child.removeAllListeners("exit").kill("SIGKILL");
    children.clear();
    await this.#fleet.close();
    await this.#redis.stop();
  }

  /** Measures for some seconds, with this pause between two polls of a mailbox. */
  async #part(pause: number, seconds: number): Promise<Part> {
    await this.#ask(pause);
    const before = await redisUse(this.#client);
    const began = performance.now();
    await delay(seconds * 1000);
    const counted = await this.#ask(pause);
    const passed = (performance.now() - began) / 1000;
    const { cpu } = await redisUse(this.#client);
    const sum = (of: (each: Counted) => number): number => counted.reduce((all, each) => all + of(each), 0);
    const polls = sum((each) => each.polls);
    return {
      rate: polls / passed,
      failures: sum(({ failures }) => failures),
      worker: sum((each) => each.cpu) / polls,
      redis: (cpu - before.cpu) / polls,
      lags: counted.flatMap(({ lags }) => lags),
    };
  }

  async #ask(pause: number): Promise<readonly Counted[]> {
    const question: Question = { pause };
    return Promise.all(
      this.#workers.map((worker) => {
        const answer = answerOf<Counted>(worker);
        worker.send(question);
        return answer;
      }),
    );
  }

  /** The bytes of the ledger of a mailbox, from some of them. */
  async #ledgerBytes(): Promise<number> {
    const [, keys] = await this.#client.scan(0, "MATCH", "popwright:ledger:*", "COUNT", 1000);
    const sizes = await Promise.all(keys.map((key) => this.#client.memory("USAGE", key)));
    return sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0) / Math.max(1, keys.length);
  }
}
