// A fleet in one process: a POP3 server with mailboxes, workers, and what they have done.
import { onTestFinished } from "vitest";
import {
  createFetchWorker,
  Fleet,
  type FetchWorker,
  type FetchWorkerOptions,
  type FleetOptions,
  type FleetPoll,
} from "popwright/bullmq";
import { MemoryLedger } from "popwright/fetch";
import { Pop3Server, type Pop3ServerOptions } from "popwright/testing";
import { accountOf, Inbox, mail } from "../support/mail.ts";

/** Milliseconds: soon enough for a test. */
export const SOON = { poll: { shortest: 20, longest: 20, jitter: 0 }, retry: { first: 20, longest: 20 } };

/** What makes clients of Redis. */
interface Clients {
  client(): FleetOptions["redis"];
}

export class Scene {
  readonly pop3: Pop3Server;
  readonly ids: readonly string[];
  readonly fleet: Fleet;
  readonly inbox: Inbox = new Inbox();
  readonly ledger: MemoryLedger = new MemoryLedger();
  readonly polls: FleetPoll[] = [];
  readonly errors: Error[] = [];
  /** By id; `true`: the right one. */
  readonly passwords: Map<string, string> = new Map();
  readonly gone: Set<string> = new Set();
  readonly paused: Set<string> = new Set();
  readonly #redis: Clients;
  readonly #workers: FetchWorker[] = [];
  readonly #waiting: Set<() => void> = new Set();

  static async create(redis: Clients, count: number, options: Pop3ServerOptions = {}): Promise<Scene> {
    const ids = Array.from({ length: count }, (_, at) => `box${String(at)}`);
    const users = Object.fromEntries(ids.map((id, at) => [id, { pass: "secret", messages: [mail(at)] }]));
    const scene = new Scene(redis, await Pop3Server.listen({ users, ...options }), ids);
    onTestFinished(() => scene.pop3.close());
    onTestFinished(() => scene.fleet.close());
    return scene;
  }

  private constructor(redis: Clients, pop3: Pop3Server, ids: readonly string[]) {
    this.#redis = redis;
    this.pop3 = pop3;
    this.ids = ids;
    this.fleet = new Fleet({ redis: redis.client(), onError: (error) => void this.errors.push(error) });
  }

  async worker(more: Partial<FetchWorkerOptions> = {}): Promise<FetchWorker> {
    const worker = await createFetchWorker({
      redis: this.#redis.client(),
      account: (id) => this.account(id),
      ledger: this.ledger,
      destination: this.inbox.deliver,
      policy: SOON,
      onError: (error) => void this.errors.push(error),
      onPoll: (poll) => {
        this.polls.push(poll);
        for (const wake of [...this.#waiting]) wake();
      },
      ...more,
    });
    this.#workers.push(worker);
    onTestFinished(() => worker.close({ within: 1000 }));
    return worker;
  }

  /** Ends workers and fleet, before the end of the test: its Redis may end with it. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close({ within: 1000 })));
    await this.fleet.close();
  }

  account(id: string): ReturnType<FetchWorkerOptions["account"]> {
    if (this.gone.has(id)) return undefined;
    const account = accountOf(this.pop3, id);
    const pass = this.passwords.get(id) ?? "secret";
    return { account: { ...account, auth: { ...account.auth, pass } }, paused: this.paused.has(id) };
  }

  /** Adds all mailboxes. */
  async addAll(): Promise<void> {
    for (const id of this.ids) await this.fleet.add(id);
  }

  /** Resolves with the next poll that is like this. */
  async next(isLike: (poll: FleetPoll) => boolean): Promise<FleetPoll> {
    const from = this.polls.length;
    let found: FleetPoll | undefined;
    await this.until(() => (found = this.polls.slice(from).find(isLike)) !== undefined);
    return found as FleetPoll;
  }

  /** Resolves when the condition holds after a poll. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition())
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
  }

  /** Resolves when each mailbox has had such a poll from now on. */
  async all(outcome: FleetPoll["outcome"] = "done"): Promise<void> {
    const from = this.polls.length;
    await this.until(() =>
      this.ids.every((id) =>
        this.polls.slice(from).some((poll) => poll.id === id && poll.outcome === outcome),
      ),
    );
  }

  /** The texts of all messages that were delivered, sorted. */
  get delivered(): string[] {
    return this.inbox.texts.sort();
  }

  /** The texts of the first message of each mailbox, sorted. */
  get wanted(): string[] {
    return this.ids.map((_, at) => mail(at)).sort();
  }
}
