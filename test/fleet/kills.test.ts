// Workers are killed and stopped past their lease, Redis is killed and loses everything: no message is lost, and with a
// destination that knows keys none is there twice.
import { fork, type ChildProcess } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { Fleet } from "popwright/bullmq";
import { Pop3Server } from "popwright/testing";
import { mail } from "../support/mail.ts";
import { scratch } from "../support/scratch.ts";
import { RedisServer } from "./redis-server.ts";
import type { ChildTask } from "./worker-child.ts";

const CHILD = join(import.meta.dirname, "worker-child.ts");
/** Milliseconds. */
const TIMES = { stale: 1200, lock: 1000 };

/** Mailboxes, workers in processes of their own, and what they have delivered. */
class Storm {
  readonly redis: RedisServer;
  readonly pop3: Pop3Server;
  readonly ids: readonly string[];
  readonly fleet: Fleet;
  readonly wanted: string[] = [];
  readonly #maildir: string;

  static async create(count: number, lock: boolean): Promise<Storm> {
    const redis = await RedisServer.start();
    const ids = Array.from({ length: count }, (_, at) => `box${String(at)}`);
    const users = Object.fromEntries(ids.map((id) => [id, { pass: "secret", messages: [] }]));
    const pop3 = await Pop3Server.listen({ users, lock });
    const storm = new Storm(redis, pop3, ids, await scratch());
    onTestFinished(async () => {
      await storm.fleet.close();
      await pop3.close();
      await redis.stop();
    });
    await storm.fleet.reconcile(ids, { spread: 0 });
    return storm;
  }

  private constructor(redis: RedisServer, pop3: Pop3Server, ids: readonly string[], maildir: string) {
    this.redis = redis;
    this.pop3 = pop3;
    this.ids = ids;
    this.#maildir = join(maildir, "Mail");
    this.fleet = new Fleet({ redis: redis.client() });
  }

  /** Starts a worker, and waits until it takes mailboxes. */
  async start(): Promise<ChildProcess> {
    const task: ChildTask = {
      ...{ redis: this.redis.port, pop3: this.pop3.port, maildir: this.#maildir },
      ...TIMES,
    };
    const child = fork(CHILD, [JSON.stringify(task)], { execArgv: ["--import", "tsx"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    await new Promise<void>((resolve, reject) => {
      child.on("message", (message) => {
        if (message === "ready") resolve();
      });
      child.once("exit", () => reject(new Error("the worker has ended")));
    });
    return child;
  }

  /** Adds messages to each mailbox. */
  fill(count: number): void {
    for (const id of this.ids)
      for (let left = count; left > 0; left--) {
        const number = this.wanted.length + 1;
        const message = mail(number, "x".repeat((number * 7919) % 9000));
        this.pop3.maildrop(id).add(message);
        this.wanted.push(message);
      }
  }

  /** Resolves after this many more commands that match. */
  async commands(kind: RegExp, count: number): Promise<void> {
    const sent = (): number => this.pop3.transcript.lines.filter((line) => kind.test(line)).length;
    const before = sent();
    while (sent() < before + count) await turn();
  }

  /** Resolves when the maildrops are empty. */
  async settled(): Promise<void> {
    while (this.ids.some((id) => this.pop3.maildrop(id).messages.length > 0)) await turn();
  }

  /** Every message is there once, and no job has failed. */
  async expectAll(): Promise<void> {
    const directory = join(this.#maildir, "new");
    const names = await readdir(directory);
    const texts = await Promise.all(names.map((name) => readFile(join(directory, name), "latin1")));
    const there = new Set(texts);
    expect({
      lost: this.wanted.filter((message) => !there.has(message)).length,
      twice: texts.length - there.size,
      foreign: texts.filter((text) => !this.wanted.includes(text)).length,
      failed: await this.redis.client().zcard("{popwright}:mail:failed"),
      mailboxes: (await this.fleet.status()).mailboxes,
    }).toEqual({ lost: 0, twice: 0, foreign: 0, failed: 0, mailboxes: this.ids.length });
  }
}

async function exited(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const exit = new Promise<number | null>((resolve) => child.once("exit", resolve));
  child.kill(signal);
  return exit;
}

test("workers are killed in the middle of their runs", async () => {
  const storm = await Storm.create(8, true);
  let [first, second] = await Promise.all([storm.start(), storm.start()]);
  for (let round = 0; round < 3; round++) {
    storm.fill(4);
    await storm.commands(/^C: RETR/, 5);
    await exited(first, "SIGKILL");
    [first, second] = [second, await storm.start()];
  }
  await storm.settled();
  await storm.expectAll();
});

test("a worker is stopped past its lease, and wakes up when another one has done its work", async () => {
  // A server that does not lock: only the lease keeps the two apart.
  const storm = await Storm.create(6, false);
  const [sleeper] = await Promise.all([storm.start(), storm.start()]);
  storm.fill(6);
  await storm.commands(/^C: RETR/, 3);
  sleeper.kill("SIGSTOP");
  await storm.settled();
  storm.fill(3);
  sleeper.kill("SIGCONT");
  await storm.settled();
  await storm.expectAll();
});

test("Redis is killed, and loses everything, while workers run", async () => {
  const storm = await Storm.create(6, true);
  await Promise.all([storm.start(), storm.start()]);
  storm.fill(4);
  await storm.commands(/^C: RETR/, 3);
  await storm.redis.kill();
  storm.fill(2);
  await storm.redis.restart();
  await storm.settled();
  storm.fill(3);
  await storm.commands(/^C: RETR/, 3);
  await storm.redis.client().flushall();
  const { added } = await storm.fleet.reconcile(storm.ids, { spread: 0 });
  expect(added).toBeGreaterThan(0);
  storm.fill(2);
  await storm.settled();
  await storm.expectAll();
});

test("a worker that is told to end does so with exit code 0, and loses nothing", async () => {
  const storm = await Storm.create(4, true);
  const worker = await storm.start();
  storm.fill(10);
  await storm.commands(/^C: RETR/, 3);
  expect(await exited(worker, "SIGTERM")).toBe(0);
  expect((await storm.fleet.status()).active).toBe(0);
  await storm.start();
  await storm.settled();
  await storm.expectAll();
});
