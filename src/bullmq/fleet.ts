// The side of the application: adds and removes mailboxes, polls one now, reconciles, and tells how all of them are.
import type { Queue } from "bullmq";
import {
  argumentError,
  checkDuration,
  checkNames,
  checkNumber,
  checkObject,
  checkText,
  shown,
} from "../options/checks.ts";
import type { Duration } from "../options/duration.ts";
import { RedisPlaces } from "../redis/places.ts";
import { JOB, jobIdOf, mailboxIdOf, openQueue } from "./engine.ts";
import { fleetSettings, type FleetOptions, type FleetSettings } from "./options.ts";
import { FleetRecords } from "./records.ts";
import type { MailboxTrouble, TroubleRecord } from "./report.ts";
import { statusOf, type FleetStatus } from "./status.ts";

/** How many jobs are added at a time. */
const PAGE = 500;

/** The states in which a job of a mailbox that is polled can be, in the words of BullMQ. */
const STATES = ["delayed", "waiting", "prioritized", "active"] as const;

/** A mailbox of a fleet. */
export interface FleetMailbox {
  /** The id under which the mailbox was added. */
  readonly id: string;
  /** `"delayed"`: it is not due yet. `"waiting"`: it is due. `"active"`: it is polled now. */
  readonly job: "delayed" | "waiting" | "active";
  /** When it is, or was, due, in milliseconds since 1970; `undefined`: it is not known. */
  readonly due: number | undefined;
  /** What is wrong. */
  readonly state: "ok" | MailboxTrouble;
  /** Since when something is wrong, in milliseconds since 1970. */
  readonly since: number | undefined;
  /** The last error. The text of the server is not kept; `onPoll` of the worker has it. */
  readonly error: Pick<TroubleRecord, "code" | "scope" | "responseCode"> | undefined;
  /** Whether {@link Fleet.pause} has paused it. */
  readonly paused: boolean;
}

/** What {@link Fleet.reconcile} has changed: numbers of mailboxes. */
export interface Reconciled {
  /** The number of mailboxes that were added. */
  readonly added: number;
  /** The number of mailboxes that were removed. */
  readonly removed: number;
  /** Jobs that had failed, or belonged to no list. Neither is expected. */
  readonly revived: number;
}

/**
 * Adds mailboxes to a fleet, removes them, and tells how they are. The workers, made by {@link createFetchWorker}, poll
 * them. A mailbox has one permanent job, whose id is made of its id. Redis has the ids, and no addresses, passwords or
 * mail: use the key of your table of accounts as id, and not an address.
 *
 * Your table of accounts is the truth. Call {@link reconcile} every minute: it adds what Redis has lost.
 *
 * @example
 * ```ts
 * await using fleet = new Fleet({ redis: new Redis({ maxRetriesPerRequest: null }) });
 * await fleet.add("42");
 * const { mailboxes, lag, states } = await fleet.status();
 * console.log(mailboxes, lag, states.login);
 * ```
 */
export class Fleet {
  readonly #settings: FleetSettings;
  readonly #records: FleetRecords;
  readonly #places: RedisPlaces;
  #opened: Promise<Queue> | undefined;

  /** Throws `POP3_CONFIG` if an option is invalid. Each method rejects with what `ioredis` rejects with. */
  constructor(options: FleetOptions) {
    this.#settings = fleetSettings(options);
    const { redis, prefix, queue } = this.#settings;
    this.#records = new FleetRecords(redis, prefix, queue);
    this.#places = new RedisPlaces(redis);
  }

  /**
   * Adds a mailbox, due at `at` (milliseconds since 1970; now by default). If it is there already, nothing changes. Rejects
   * with `POP3_CONFIG` if `bullmq` is not installed, or if Redis may evict keys.
   */
  async add(id: string, options: { readonly at?: number } = {}): Promise<void> {
    checkId(id);
    checkObject("options", options, argumentError);
    checkNames("options", options, ["at"], argumentError);
    const { at = Date.now() } = options;
    checkNumber("options.at", at, 0, argumentError);
    await this.#records.due(id, at, true);
    await this.#addAll([[id, at]]);
  }

  /**
   * Removes a mailbox. Resolves with `false` if it is polled now: then its job goes at the next poll, when the function
   * `account` of the worker does not know it. So remove the account first. The ledger keeps what it knows of the mailbox:
   * call its `delete`, if nothing of it is to stay.
   */
  async remove(id: string): Promise<boolean> {
    checkId(id);
    const job = await (await this.#queue()).getJob(jobIdOf(id));
    const isRemoved = await (job?.remove() ?? Promise.resolve()).then(
      () => true,
      // A worker has the lock.
      async () => (await job?.isActive()) !== true,
    );
    if (isRemoved) await this.#records.forget(id);
    return isRemoved;
  }

  /**
   * Leaves a mailbox alone until {@link resume}. A poll that is under way continues. Redis alone remembers it: if it must
   * survive the loss of Redis, note it in your table, too, and return `paused` from the function `account`.
   */
  async pause(id: string): Promise<void> {
    checkId(id);
    await this.#records.pause(id, true);
  }

  /** Ends a pause, and polls the mailbox now. */
  async resume(id: string): Promise<void> {
    checkId(id);
    await this.#records.pause(id, false);
    await this.pollNow(id);
  }

  /**
   * Makes a mailbox due now, for example after its password was changed. A pause that the server has demanded is kept.
   * Resolves with whether the fleet has the mailbox.
   */
  async pollNow(id: string): Promise<boolean> {
    checkId(id);
    const job = await (await this.#queue()).getJob(jobIdOf(id));
    if (job === undefined) return false;
    try {
      await job.promote();
      await this.#records.due(id, Date.now());
    } catch {
      // It waits, or is polled already.
    }
    return true;
  }

  /**
   * Makes the jobs agree with your table of accounts: adds the mailboxes that have none, due at random times within
   * `spread` (a number is in milliseconds; 60000 by default), and removes those that were there before the call and are
   * not among `ids`. Call it every minute, in one process or in several.
   */
  async reconcile(
    ids: Iterable<string> | AsyncIterable<string>,
    options: { readonly spread?: Duration } = {},
  ): Promise<Reconciled> {
    const isLoop = typeof ids === "object" && (ids as object | null) !== null;
    if (!isLoop || !(Symbol.iterator in ids || Symbol.asyncIterator in ids))
      throw argumentError(`ids must be an iterable of strings, such as an array (got ${shown(ids)})`);
    checkObject("options", options, argumentError);
    checkNames("options", options, ["spread"], argumentError);
    const { spread: wanted = 60_000 } = options;
    const spread = checkDuration("options.spread", wanted, "ms", argumentError);
    const queue = await this.#queue();
    let revived = await revive(queue);
    const known = new Set(await queue.getRanges([...STATES], 0, -1));
    const unwanted = new Set(known);
    let added = 0;
    for await (const page of pagesOf(ids)) {
      for (const id of page) unwanted.delete(jobIdOf(id));
      const missing = page.filter((id) => !known.has(jobIdOf(id)));
      const orphans = await Promise.all(missing.map((id) => removeOrphan(queue, id)));
      revived += orphans.filter((isOrphan) => isOrphan).length;
      const times = missing.map((id) => [id, Date.now() + Math.random() * spread] as const);
      await this.#records.dueAll(times);
      await this.#addAll(times);
      added += missing.length;
    }
    let removed = 0;
    for (const jobId of unwanted) {
      const id = mailboxIdOf(jobId);
      if (id !== undefined && (await this.remove(id))) removed++;
    }
    return { added, removed, revived };
  }

  /** How the fleet is, for a status page. It costs some 30 commands, however many mailboxes there are. */
  async status(): Promise<FleetStatus> {
    const queue = await this.#queue();
    const [counts, active] = await Promise.all([
      queue.getJobCounts(...STATES),
      queue.getRanges(["active"], 0, -1),
    ]);
    const mailboxes = Object.values(counts).reduce((sum, count) => sum + count, 0);
    const ids = active.flatMap((jobId) => mailboxIdOf(jobId) ?? []);
    return statusOf(this.#records, this.#places, { mailboxes, active: new Set(ids) });
  }

  /** How one mailbox is. `undefined`: the fleet does not have it. What was fetched is in your ledger: see its `read`. */
  async mailbox(id: string): Promise<FleetMailbox | undefined> {
    checkId(id);
    const queue = await this.#queue();
    const [state, { due, isPaused, trouble }] = await Promise.all([
      queue.getJobState(jobIdOf(id)),
      this.#records.of(id),
    ]);
    if (state === "unknown") return undefined;
    const since = trouble === undefined ? undefined : await this.#records.since(id, trouble.trouble);
    const { code, scope, responseCode } = trouble ?? {};
    const error = {
      ...(code === undefined ? {} : { code }),
      ...(scope === undefined ? {} : { scope }),
      ...(responseCode === undefined ? {} : { responseCode }),
    };
    return {
      id,
      job: state === "delayed" || state === "active" ? state : "waiting",
      due,
      state: isPaused ? "paused" : (trouble?.trouble ?? "ok"),
      since,
      error: code === undefined ? undefined : error,
      paused: isPaused,
    };
  }

  /** Closes the queue. The client of Redis stays open: it is yours. You may call it more than once. */
  async close(): Promise<void> {
    const queue = await this.#opened?.catch(() => undefined);
    await queue?.close();
  }

  /** Calls {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Adds jobs that are due at given times. */
  async #addAll(times: readonly (readonly [id: string, at: number])[]): Promise<void> {
    if (times.length === 0) return;
    const now = Date.now();
    const jobs = times.map(([id, at]) => ({
      name: JOB,
      data: {},
      opts: { jobId: jobIdOf(id), delay: Math.max(0, Math.round(at - now)) },
    }));
    await (await this.#queue()).addBulk(jobs);
  }

  async #queue(): Promise<Queue> {
    await this.#records.connection.refuseEviction();
    this.#opened ??= openQueue(this.#settings, this.#settings.onError);
    return this.#opened;
  }
}

/** Makes failed jobs due. Returns how many. */
async function revive(queue: Queue): Promise<number> {
  const failed = await queue.getRanges(["failed"], 0, -1);
  for (const jobId of failed) {
    const job = await queue.getJob(jobId);
    // Another process may have done it.
    await job?.retry().catch(() => undefined);
  }
  return failed.length;
}

/** Removes a job that belongs to no list. Returns whether there was one. */
async function removeOrphan(queue: Queue, id: string): Promise<boolean> {
  const job = await queue.getJob(jobIdOf(id));
  if (job === undefined || (await job.getState()) !== "unknown") return false;
  await job.remove();
  return true;
}

async function* pagesOf(ids: Iterable<string> | AsyncIterable<string>): AsyncGenerator<readonly string[]> {
  let page: string[] = [];
  for await (const id of ids) {
    checkId(id);
    page.push(id);
    if (page.length < PAGE) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

function checkId(id: unknown): asserts id is string {
  checkText("id", id, argumentError);
}
