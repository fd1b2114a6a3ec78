// Runs once over one mailbox: takes its lease in the ledger, works through its sessions, and computes the
// next poll.
import type { Pop3Client } from "../../client.ts";
import { Pop3AbortError, Pop3Error, Pop3ReplyError } from "../../errors.ts";
import { Pop3Pool } from "../../pool/pool.ts";
import { rememberSerial, serialUntilOf, type Host } from "../../net/serial-hosts.ts";
import { retryAfter, temporaryCause } from "../../retry.ts";
import { isDown } from "../destinations/destination-error.ts";
import { FetchError } from "../fetch-error.ts";
import { runSession } from "./session.ts";
import { STOPPED, type SessionOutcome, type SessionTask, type Spent } from "./task.ts";
import type { MailboxLedger, MailboxState } from "../ledger/ledger.ts";
import { Rehearsal } from "../ledger/rehearsal.ts";
import { completeOptions } from "../../options/client.ts";
import type { FetchSettings } from "../options.ts";
import { pollPause } from "../plan/schedule.ts";
import { emptyReport, type MutableReport, type FetchReport } from "../report.ts";
import { isAborted, sleep } from "../../net/sleep.ts";

/** The longest LOGIN-DELAY that a run waits for, in milliseconds. */
const WORTH_WAITING = 60_000;

/** Runs once over a mailbox. Rejects with {@link FetchError}. */
export async function runFetch(settings: FetchSettings): Promise<FetchReport> {
  return new Run(settings).run();
}

class Run {
  readonly #settings: FetchSettings;
  readonly #pool: Pop3Pool;
  readonly #draft: MutableReport;
  /** By `performance.now()`, like `#lastLogin`, because the system clock may be set back. */
  readonly #began: number = performance.now();
  /** The LOGIN-DELAY of the server, in milliseconds. */
  #loginDelay = 0;
  #lastLogin = 0;
  readonly #spent: Spent = { messages: 0, octets: 0, slow: new Set(), slowInARow: 0 };
  /** Why the destination is down, if it is. */
  #down: Error | undefined;
  /** The last session failed because the server could not handle several commands in flight. */
  #brokePipeline = false;
  /** No session of this run has failed like this before. */
  #isFirstBreak = true;
  /**
   * The destination refused several messages in a row, and was never offered others: see
   * {@link SessionOutcome.untried}.
   */
  #untried = false;

  constructor(settings: FetchSettings) {
    this.#settings = settings;
    this.#pool = settings.pool ?? new Pop3Pool({ maxSessions: 1 });
    this.#draft = emptyReport(settings.mailbox);
  }

  async run(): Promise<FetchReport> {
    const { mailbox, onEvent } = this.#settings;
    try {
      const report = await this.#leased();
      await onEvent({ mailbox, type: "end", report });
      return report;
    } catch (thrown) {
      const error = thrown instanceof FetchError ? thrown : this.#failure(thrown, {});
      try {
        await onEvent({ mailbox, type: "failed", error });
      } catch {
        // The error that ended the run matters more than an error of `onEvent`.
      }
      throw error;
    } finally {
      if (this.#settings.pool === undefined) await this.#pool.close();
    }
  }

  async #leased(): Promise<FetchReport> {
    const { mailbox, force, onEvent } = this.#settings;
    const ledger = await this.#open();
    let report: FetchReport;
    try {
      const { notBefore = 0, notBeforeSaid = 0 } = ledger.state;
      const now = Date.now();
      if (!force && notBefore > now && notBeforeSaid <= now) report = this.#report("deferred", notBefore);
      else {
        await onEvent({ mailbox, type: "begin" });
        report = await this.#sessions(ledger);
      }
    } catch (error) {
      // The caller gets the first error.
      await ledger.close().catch(() => undefined);
      throw error;
    }
    await ledger.close();
    return report;
  }

  #open(): Promise<MailboxLedger> {
    const { ledger, mailbox, policy } = this.#settings;
    return policy.dryRun ? Rehearsal.open(ledger, mailbox) : ledger.open(mailbox);
  }

  async #sessions(ledger: MailboxLedger): Promise<FetchReport> {
    let stopped: boolean;
    try {
      const careful = ledger.state.running === true;
      const { serialUntil } = ledger.state;
      if (serialUntil !== undefined) rememberSerial(this.#server, serialUntil);
      await ledger.record({ state: { ...ledger.state, running: true } });
      stopped = await this.#oneAfterAnother(ledger, careful);
    } catch (error) {
      const failure = this.#failure(error, ledger.state);
      // If this write fails, `running` stays set, and the next run knows that this one failed.
      await ledger.record({ state: this.#stateAfter(failure, ledger.state) }).catch(() => undefined);
      throw failure;
    }
    const left = stopped || this.#draft.left > 0;
    const state = this.#stateAtEnd(ledger.state, left);
    await ledger.record({ state });
    const next = Math.max(Date.now() + (state.interval ?? 0), state.notBefore ?? 0);
    const outcome = left ? "stopped" : "done";
    return this.#report(this.#settings.policy.dryRun && !stopped ? "dry-run" : outcome, next);
  }

  /** Runs sessions until all is done. Returns whether the run was stopped before that. */
  async #oneAfterAnother(ledger: MailboxLedger, careful: boolean): Promise<boolean> {
    const { limits } = this.#settings.policy;
    const until = this.#began + limits.seconds * 1000;
    for (let [retrieve, halted] = [true, false]; ;) {
      const before = this.#progress;
      let outcome: SessionOutcome;
      try {
        outcome = await this.#session(ledger, { retrieve, careful, until, spent: this.#spent });
      } catch (error) {
        if (!(await this.#mayContinueSerially(ledger, error))) throw error;
        continue;
      }
      const { down, stopped, more, toDelete, untried } = outcome;
      this.#down = down;
      this.#untried = untried;
      if (down !== undefined) throw down;
      halted ||= stopped;
      if (!more && !toDelete) return halted;
      const progress = this.#progress > before;
      // After a failure, deletion gets its own session, unless there is mail left to retrieve.
      if (!retrieve && !progress) return true;
      retrieve = more && progress && !halted;
      if (!retrieve && !toDelete) return true;
      if (!(await this.#mayLogInAgain())) return true;
    }
  }

  /**
   * Returns whether to continue in a new session after the server failed because of pipelining. The new
   * session sends one command at a time, so it may succeed. This happens once per run.
   */
  async #mayContinueSerially(ledger: MailboxLedger, error: unknown): Promise<boolean> {
    if (!this.#brokePipeline || !this.#isFirstBreak) return false;
    this.#isFirstBreak = false;
    const { mailbox, onEvent, stop, signal } = this.#settings;
    await ledger.record({ state: { ...ledger.state, ...this.#serialUntil } });
    await onEvent({ mailbox, type: "pipelining-broken", error });
    return !isAborted([stop, signal]) && (await this.#mayLogInAgain());
  }

  get #server(): Host {
    return completeOptions(this.#settings.account);
  }

  /** The state to record so that a later process also sends one command at a time. */
  get #serialUntil(): MailboxState {
    const serialUntil = serialUntilOf(this.#server);
    return serialUntil === undefined ? {} : { serialUntil };
  }

  /** A number that grows if a session has achieved something. */
  get #progress(): number {
    const { deleted, failed } = this.#draft;
    return this.#spent.messages + deleted + failed.length;
  }

  async #session(ledger: MailboxLedger, task: SessionTask): Promise<SessionOutcome> {
    const { account, stop, signal } = this.#settings;
    let client: Pop3Client | undefined;
    let outcome: SessionOutcome | undefined;
    // Both signals end the wait for a session. After it is open, the session itself watches `stop`, and
    // `signal` closes the connection. The run ends only after the destination has settled, so that no other
    // run can take the mailbox before.
    const opening = new AbortController();
    const onStop = (): void => {
      if (client === undefined && task.retrieve) opening.abort(stop?.reason);
    };
    const onAbort = (): void => {
      if (client === undefined) opening.abort(signal?.reason);
      else client.close();
    };
    signal?.addEventListener("abort", onAbort);
    stop?.addEventListener("abort", onStop);
    if (signal?.aborted === true) onAbort();
    if (stop?.aborted === true) onStop();
    try {
      await this.#pool.use(
        account,
        async (opened) => {
          client = opened;
          outcome = await this.#work(opened, ledger, task);
        },
        // A session that the pool has kept open does not see new mail.
        { fresh: true, signal: opening.signal },
      );
    } catch (error) {
      const { committed } = outcomeOfQuit(error);
      if (committed !== undefined) this.#draft.committed = committed;
      if (signal?.aborted !== true && outcome !== undefined && committed !== undefined)
        return { ...outcome, more: false, toDelete: false };
      if (signal?.aborted === true) throw new Pop3AbortError(signal.reason);
      if (client === undefined && stop?.aborted === true) return STOPPED;
      throw error;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      stop?.removeEventListener("abort", onStop);
    }
    const done = outcome as unknown as SessionOutcome; // set in a callback, which the compiler does not see
    if (done.marked.length > 0) await this.#deleted(ledger, done);
    if (signal?.aborted === true && done.withoutQuit) throw new Pop3AbortError(signal.reason);
    return done;
  }

  async #work(client: Pop3Client, ledger: MailboxLedger, task: SessionTask): Promise<SessionOutcome> {
    this.#lastLogin = performance.now();
    this.#loginDelay = (client.capabilities.loginDelay?.seconds ?? 0) * 1000;
    try {
      const outcome = await runSession(client, ledger, this.#settings, this.#draft, task);
      if (outcome.withoutQuit) client.close();
      return outcome;
    } catch (error) {
      this.#brokePipeline = client.pipelining === "broken";
      // Close without QUIT: the server may hide retrieved messages after it, and they may not be delivered.
      client.close();
      throw error;
    }
  }

  async #deleted(ledger: MailboxLedger, { marked }: SessionOutcome): Promise<void> {
    const { mailbox, onEvent } = this.#settings;
    this.#draft.committed = true;
    this.#draft.deleted += marked.length;
    await ledger.record({ entries: marked });
    await onEvent({ mailbox, type: "deleted", messages: marked.length });
  }

  /** How long LOGIN-DELAY forbids another login from now on, in milliseconds. */
  get #loginPause(): number {
    return this.#loginDelay === 0 ? 0 : this.#lastLogin + this.#loginDelay - performance.now();
  }

  /** Waits for LOGIN-DELAY if it is short. Returns whether the run may log in again. */
  async #mayLogInAgain(): Promise<boolean> {
    const pause = this.#loginPause;
    if (pause <= 0) return true;
    if (pause > WORTH_WAITING) return false;
    const { stop, signal } = this.#settings;
    await sleep(pause, stop, signal);
    return !isAborted([stop]);
  }

  #stateAtEnd({ lastRun, interval, baseline }: MailboxState, left: boolean): MailboxState {
    const { poll } = this.#settings.policy;
    return {
      ...(lastRun === undefined ? {} : { lastRun }),
      ...(baseline === undefined ? {} : { baseline }),
      interval: left ? poll.shortest : pollPause(poll, interval, this.#draft.delivered > 0),
      ...(this.#loginPause > 0 ? notBefore(Date.now() + this.#loginPause) : {}),
      ...this.#serialUntil,
    };
  }

  #stateAfter({ report, temporary, cause }: FetchError, state: MailboxState): MailboxState {
    const { running: _, notBefore: __, notBeforeSaid: ___, serialUntil: ____, ...rest } = state;
    const failures = (state.failures ?? 0) + 1;
    // If the server asked for a pause, later runs must keep it. After a failure of the network they need not
    // wait.
    const binds = temporary && cause instanceof Pop3ReplyError;
    const next = binds ? report.nextPollAt : Date.now() + this.#loginPause;
    const lasting = { ...rest, failures, ...this.#serialUntil };
    return { ...lasting, ...(binds || this.#loginPause > 0 ? notBefore(next) : {}) };
  }

  #failure(cause: unknown, { failures = 0 }: MailboxState): FetchError {
    const waitFor = temporaryCause(cause);
    const temporary = waitFor !== undefined || isOutage(cause);
    const { poll } = this.#settings.policy;
    // Back off exponentially, because a server may be down for days. But if there are messages that the
    // destination was never offered, poll again soon: each run tries some of them, and the destination may
    // take one.
    const doublings = this.#untried ? 0 : failures;
    const growing = Math.min(poll.longest, poll.shortest * 2 ** doublings) * Math.random();
    // A dead session keeps the maildrop locked until the server notices. That takes minutes, and no try
    // succeeds before.
    const soon = waitFor === "network" || waitFor === "SYS/TEMP" || waitFor === "LOGIN-DELAY";
    const least = soon ? 0 : poll.shortest;
    const again = waitFor === undefined ? 0 : retryAfter(cause, failures + 1);
    const pause = temporary ? Math.max(least, again, growing) : poll.longest;
    const code = cause === this.#down ? "POP3_DESTINATION" : "POP3_CALLER";
    const report = this.#report("failed", Date.now() + Math.max(pause, this.#loginPause));
    return new FetchError({ code, cause, temporary, report });
  }

  #report(outcome: FetchReport["outcome"], nextPollAt: number): FetchReport {
    return {
      ...this.#draft,
      outcome,
      nextPollAt: Math.round(nextPollAt),
      duration: Math.round(performance.now() - this.#began),
    };
  }
}

/** Returns whether the destination or the disk of the ledger is down. A later run may succeed. */
function isOutage(cause: unknown): boolean {
  if (isDown(cause)) return true;
  return Pop3Error.is(cause) && cause.code === "POP3_LEDGER" && isDown(cause.cause);
}

function notBefore(time: number): MailboxState {
  return { notBefore: Math.round(time), notBeforeSaid: Date.now() };
}

/**
 * Returns whether an error says that QUIT deleted the marked messages; `undefined` if it does not say
 * anything about QUIT.
 */
function outcomeOfQuit(error: unknown): Pick<FetchReport, "committed"> {
  if (!Pop3Error.is(error)) return { committed: undefined };
  if (error.code === "POP3_COMMIT_FAILED") return { committed: false };
  return { committed: error.code === "POP3_COMMIT_UNKNOWN" ? "unknown" : undefined };
}
