// A worker of a fleet: takes the jobs of mailboxes that are due, polls them, and gives each job its next time.
import { randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";
import type { Job, Worker } from "bullmq";
import { HostGates } from "../fetch/host-gate.ts";
import { sleep } from "../net/settle.ts";
import { checkDuration, checkNames, checkObject } from "../options/checks.ts";
import type { Duration } from "../options/duration.ts";
import { Pop3Pool } from "../pool/pool.ts";
import { RedisPlaces } from "../redis/places.ts";
import { loadBullMQ, mailboxIdOf, MOST_STALLS } from "./engine.ts";
import { workerSettings, type FetchWorkerOptions, type WorkerSettings } from "./options.ts";
import { Outage } from "./outage.ts";
import { PatientPlaces } from "./patient-places.ts";
import { pollMailbox, type PollContext } from "./poll.ts";
import { FleetRecords } from "./records.ts";
import { SILENCE } from "./worker-record.ts";

/** How often a worker says that it lives, in milliseconds. */
const WORD = SILENCE / 4;

/** How long a worker waits for Redis after everything else has ended, in milliseconds. */
const GRACE = 3000;

/** Whether a worker lives, and takes mailboxes. */
export interface WorkerHealth {
  /** Whether its loop runs. If not, start the process again. */
  readonly live: boolean;
  /** Whether it takes mailboxes now. */
  readonly ready: boolean;
  /** Why it does not. */
  readonly reasons: readonly string[];
}

/** A worker of a fleet, made by {@link createFetchWorker}. */
export interface FetchWorker extends AsyncDisposable {
  /** The name of the worker in {@link FleetStatus}. */
  readonly id: string;
  /**
   * Ends the worker, for example at SIGTERM. It takes no more mailboxes, and each run ends after its current message.
   * After the time `within` the runs are aborted: what was delivered is recorded, and nothing more is deleted. Resolves at
   * the latest three seconds after that. Rejects with `POP3_CONFIG` if an option is invalid. You may call it more than
   * once: the first call counts.
   */
  close(options?: {
    /** A number is in milliseconds. @default 25000 */ readonly within?: Duration;
  }): Promise<void>;
  /** For the probes of an orchestrator: is it alive, and does it take mailboxes? Never rejects. */
  health(): Promise<WorkerHealth>;
}

/**
 * Starts a worker of a fleet. It polls the mailboxes that a {@link Fleet} has added, as many at a time as `concurrency`
 * says, and shares the limits per host with all other workers. Start one in each process, on as many machines as you like.
 * Resolves when the worker takes mailboxes. Rejects with `POP3_CONFIG` if an option is invalid, if `bullmq` is not
 * installed, or if Redis may evict keys; and with what `ioredis` rejects with if Redis does not answer.
 *
 * @example
 * ```ts
 * const worker = await createFetchWorker({
 *   redis: new Redis({ maxRetriesPerRequest: null }),
 *   account: async (id) => ({ account: await urlOf(id) }),
 *   ledger,
 *   destination,
 * });
 * process.once("SIGTERM", () => void worker.close());
 * ```
 */
export async function createFetchWorker(options: FetchWorkerOptions): Promise<FetchWorker> {
  const settings = workerSettings(options);
  const records = new FleetRecords(settings.redis, settings.prefix, settings.queue);
  await records.connection.refuseEviction();
  const { Worker: BullWorker, DelayedError } = await loadBullMQ();
  const { redis, queue, prefix, concurrency, lock, onError } = settings;
  // The processor is set before the worker runs.
  let process: (job: Job, token?: string) => Promise<void> = () => Promise.resolve();
  const worker = new BullWorker(queue, (job: Job, token?: string) => process(job, token), {
    connection: redis,
    prefix,
    concurrency,
    lockDuration: lock,
    stalledInterval: lock,
    maxStalledCount: MOST_STALLS,
    autorun: false,
  });
  worker.on("error", onError);
  const fetcher = new Fetcher(settings, records, worker);
  process = async (job, token) => {
    const id = mailboxIdOf(job.id);
    const next = id === undefined ? undefined : await fetcher.poll(id);
    // The job completes, and is removed.
    if (next === undefined) return;
    try {
      await job.moveToDelayed(next, token);
    } catch (error) {
      // Another worker has it, because this one was stopped; or it was removed.
      onError(error as Error);
    }
    throw new DelayedError();
  };
  await worker.waitUntilReady();
  fetcher.start();
  return fetcher;
}

class Fetcher implements FetchWorker {
  readonly id: string = randomBytes(6).toString("base64url");
  readonly #settings: WorkerSettings;
  readonly #records: FleetRecords;
  readonly #worker: Worker;
  readonly #context: PollContext;
  readonly #stop: AbortController = new AbortController();
  readonly #abort: AbortController = new AbortController();
  #active = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  constructor(settings: WorkerSettings, records: FleetRecords, worker: Worker) {
    this.#settings = settings;
    this.#records = records;
    this.#worker = worker;
    const { redis, limitOf } = settings;
    const places = new PatientPlaces(new RedisPlaces(redis), limitOf);
    // Each run and destination may listen to them.
    for (const { signal } of [this.#stop, this.#abort]) setMaxListeners(0, signal);
    this.#context = {
      settings,
      records,
      gates: new HostGates(),
      // A job that would wait here for its host would keep others from running.
      pool: new Pop3Pool({ maxSessions: Infinity, maxPerHost: Infinity, places }),
      outage: new Outage(worker),
      stop: this.#stop.signal,
      signal: this.#abort.signal,
    };
  }

  start(): void {
    this.#worker.run().catch(this.#settings.onError);
    const say = (): void => void this.#say().catch(() => undefined);
    say();
    this.#timer = setInterval(say, WORD).unref();
  }

  /** Polls a mailbox. Resolves with when it is due again. Never rejects. */
  async poll(id: string): Promise<number | undefined> {
    this.#active++;
    try {
      return await pollMailbox(id, this.#context);
    } finally {
      this.#active--;
    }
  }

  close(options: { readonly within?: Duration } = {}): Promise<void> {
    this.#closed ??= this.#close(options);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async health(): Promise<WorkerHealth> {
    const { pause } = this.#context.outage;
    const reasons: string[] = [];
    // While it pauses, its loop may have ended.
    const live = this.#worker.isRunning() || pause !== undefined || this.#closed !== undefined;
    if (this.#closed !== undefined) reasons.push("the worker is closing");
    if (!live) reasons.push("the loop of the worker has ended");
    if (pause !== undefined)
      reasons.push(
        `the worker pauses until ${new Date(pause.until).toISOString()}: ${pause.scope} ${pause.code ?? "failed"}`,
      );
    const answer = this.#records.connection.call("ping").catch(() => "none");
    if ((await Promise.race([answer, sleep(1000)])) !== "PONG") reasons.push("Redis does not answer");
    return { live, ready: reasons.length === 0, reasons };
  }

  async #close(options: { readonly within?: Duration }): Promise<void> {
    checkObject("options", options);
    checkNames("close", options, ["within"]);
    const { within: wanted = 25_000 } = options;
    const within = checkDuration("close.within", wanted, "ms");
    clearInterval(this.#timer);
    this.#context.outage.close();
    this.#stop.abort(new Error("the worker is closing"));
    const ended = this.#worker.close().then(() => this.#context.pool.close());
    const inTime = ended.then(() => true);
    if ((await Promise.race([inTime, sleep(within)])) !== true) {
      this.#abort.abort(new Error("the worker is closing, and its time is over"));
      // Redis may be away: then the jobs are taken by others when their locks have ended.
      if ((await Promise.race([inTime, sleep(GRACE)])) !== true)
        this.#worker.disconnect().catch(() => undefined);
    }
    await Promise.race([this.#records.withdraw(this.id).catch(() => undefined), sleep(GRACE / 10)]);
  }

  /** Writes to Redis that the worker lives, and what it knows. */
  async #say(): Promise<void> {
    const { gates, outage } = this.#context;
    await this.#records.publish({
      id: this.id,
      at: Date.now(),
      active: this.#active,
      concurrency: this.#settings.concurrency,
      ...(outage.pause === undefined ? {} : { paused: outage.pause }),
      hosts: gates.down.map(({ host, error: { code }, nextPollAt }) => ({ host, code, nextPollAt })),
    });
  }
}
