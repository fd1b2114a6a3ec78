// Polls the mailboxes of `fetchAll`, each on its own: waits for its turn, runs over it, and waits until it is due again.
import { onAbort, FirstAbort } from "../net/abort.ts";
import { sleep } from "../net/settle.ts";
import { checkNames, configError } from "../options/checks.ts";
import { Account } from "../pool/account.ts";
import type { Permit, Scheduler } from "../pool/scheduler.ts";
import { printable } from "../protocol/printable.ts";
import type { EventQueue } from "./event-queue.ts";
import type { FetchEvent } from "./events.ts";
import { FetchError } from "./fetch-error.ts";
import { FirstContact } from "./first-contact.ts";
import { heldBack, runOnce } from "./gated-run.ts";
import { HostGates, type HostGate, type Pass } from "./host-gate.ts";
import {
  completeFetchOptions,
  type FetchAllOptions,
  type FetchSettings,
  type FetchTarget,
} from "./options.ts";
import { emptyReport } from "./report.ts";
import { wallTime } from "../system/clock.ts";

/** The options, with both signals set. */
export interface Wishes extends FetchAllOptions {
  readonly stop: AbortSignal;
  readonly signal: AbortSignal;
}

/** Runs all mailboxes and puts their events into the queue. */
export class Mailboxes {
  readonly #options: Wishes;
  readonly #queue: EventQueue<FetchEvent>;
  readonly #scheduler: Scheduler;
  /** The error that ends everything: not of one mailbox, but for example of the iterator of targets. */
  #failure: { readonly error: unknown } | undefined;
  readonly #failed: AbortController = new AbortController();
  /** Ends every wait. */
  readonly #end: FirstAbort;
  readonly #gates: HostGates = new HostGates();
  /** The names in the ledger of the mailboxes that are in use. */
  readonly #fetched: Set<string> = new Set();
  readonly #contact: FirstContact;

  constructor(options: Wishes, queue: EventQueue<FetchEvent>, scheduler: Scheduler) {
    this.#options = options;
    this.#queue = queue;
    this.#scheduler = scheduler;
    // Without `repeat`, the loop ends by itself, and its events tell everything.
    this.#contact = new FirstContact(options.repeat !== true || options.retryFirst === true);
    this.#end = new FirstAbort(options.stop, options.signal, this.#failed.signal);
  }

  async run(targets: Iterable<FetchTarget> | AsyncIterable<FetchTarget>): Promise<void> {
    const tasks = new Set<Promise<void>>();
    let count = 0;
    try {
      for await (const target of until(this.#end.signal, targets)) {
        if (this.#isOver) break;
        const task = this.#mailbox(target, ++count).catch(this.#fail);
        tasks.add(task);
        void task.then(() => tasks.delete(task));
      }
      this.#contact.complete();
      this.#checkContact();
    } catch (error) {
      this.#fail(error);
    }
    // Wait for the runs in progress, even after a failure.
    await Promise.all(tasks);
    this.#end.release();
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  readonly #fail = (error: unknown): void => {
    this.#failure ??= { error };
    this.#failed.abort();
  };

  /** Puts an event of a mailbox into the queue. */
  async #tell(event: FetchEvent): Promise<void> {
    this.#contact.heard(event);
    await this.#queue.push(event);
    this.#checkContact();
  }

  #checkContact(): void {
    const { failure } = this.#contact;
    if (failure !== undefined) this.#fail(failure);
  }

  get #isOver(): boolean {
    return this.#end.signal.aborted;
  }

  async #mailbox(target: FetchTarget, place: number): Promise<void> {
    let settings: FetchSettings;
    let account: Account;
    try {
      settings = this.#settings(target);
      account = new Account(settings.account);
      // With equal names, the ledger would confuse the mail of the two accounts.
      if (this.#fetched.has(settings.mailbox))
        throw configError(
          `two accounts have the mailbox name ${printable(settings.mailbox)}: give one of them another \`mailbox\``,
        );
    } catch (cause) {
      const mailbox = `account ${String(place)}`;
      const report = { ...emptyReport(mailbox), outcome: "failed" as const, nextPollAt: Infinity };
      const error = new FetchError({ cause, temporary: false, report });
      await this.#queue.push({ mailbox, type: "failed", error });
      return;
    }
    this.#fetched.add(settings.mailbox);
    this.#contact.added(settings.mailbox);
    const { gate, done } = this.#gates.of(account);
    try {
      await this.#poll(settings, account, gate);
    } finally {
      done();
      this.#fetched.delete(settings.mailbox);
    }
  }

  #settings(target: FetchTarget): FetchSettings {
    const { ledger, destination, policy, force, logger, stop, signal } = this.#options;
    const own = isObject(target) && "account" in target ? target : { account: target };
    checkNames("", own, ["account", "mailbox", "policy", "destination"]);
    const { account, ...rest } = own;
    return completeFetchOptions(account, {
      ledger,
      destination,
      stop,
      signal,
      ...(policy === undefined ? {} : { policy }),
      ...(force === undefined ? {} : { force }),
      ...(logger === undefined ? {} : { logger }),
      ...rest,
      onEvent: (event) => this.#tell(event),
    });
  }

  /** Runs over a mailbox, once or again and again. */
  async #poll(settings: FetchSettings, account: Account, gate: HostGate): Promise<void> {
    const { repeat } = this.#options;
    do {
      const turn = await this.#turn(settings, account, gate).catch((error: unknown) => {
        if (this.#isOver) return undefined;
        throw error;
      });
      if (turn === undefined) return;
      const { pass, permit } = turn;
      const next = await runOnce(settings, gate, pass).finally(() => {
        permit.release();
      });
      if (repeat !== true) return;
      await sleep(next - wallTime(), this.#end.signal);
    } while (!this.#isOver);
  }

  /**
   * Waits until a run may begin: the host is not down, and there is a permit. Resolves with `undefined` if the host is
   * down and the mailbox is not polled again.
   */
  async #turn({ mailbox }: FetchSettings, account: Account, gate: HostGate): Promise<Turn | undefined> {
    const { signal } = this.#end;
    for (let isTold = false; ;) {
      let pass = await gate.enter(signal);
      if ("error" in pass) {
        if (!isTold) await this.#tell({ mailbox, type: "end", report: heldBack(mailbox, pass) });
        if (this.#options.repeat !== true) return undefined;
        isTold = true;
        pass = await gate.turn(signal);
      }
      const permit = await this.#scheduler.take(account, signal).catch((error: unknown) => {
        gate.leave(pass);
        throw error;
      });
      if (gate.admits(pass)) return { pass, permit };
      // The host has failed in the meantime.
      permit.release();
    }
  }
}

/** The targets of a caller may be anything. */
function isObject(target: unknown): target is object {
  return typeof target === "object" && target !== null;
}

/** The right to begin a run. */
interface Turn {
  readonly pass: Pass;
  readonly permit: Permit;
}

/** Yields the items until the signal is aborted, even if the next item is still awaited then. */
async function* until<T>(
  signal: AbortSignal,
  items: Iterable<T> | AsyncIterable<T>,
): AsyncGenerator<T, void, undefined> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let unsubscribe = (): void => undefined;
  const end = new Promise<undefined>((resolve) => {
    unsubscribe = onAbort(signal, () => resolve(undefined));
  });
  let ended = false as boolean; // set in a callback, which the compiler does not see
  const take = async (): Promise<IteratorResult<T, unknown> | undefined> => {
    const next = await Promise.race([iterator.next(), end]);
    ended = next?.done === true;
    return next;
  };
  try {
    for (let next = await take(); next !== undefined && next.done !== true; next = await take())
      yield next.value;
  } finally {
    unsubscribe();
    // The iterator may handle `return` only after its next item, so do not wait for it.
    if (!ended) Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}
