// Runs once over one mailbox: takes its lease in the ledger, works through its sessions, and computes the
// next poll.
import type { Pop3Client } from "../../client.ts";
import { Pop3AbortError, Pop3Error } from "../../errors.ts";
import { Pop3Pool } from "../../pool/pool.ts";
import { rememberSerial, serialUntilOf, type Host } from "../../net/serial-hosts.ts";
import { FetchError } from "../fetch-error.ts";
import { runSession } from "./session.ts";
import { STOPPED, type SessionOutcome, type SessionTask, type Spent } from "./task.ts";
import type { MailboxLedger, MailboxState } from "../ledger/ledger.ts";
import { configError } from "../../options/checks.ts";
import { Rehearsal } from "../ledger/rehearsal.ts";
import { completeOptions } from "../../options/client.ts";
import type { FetchSettings } from "../options.ts";
import { spreadPause } from "../plan/schedule.ts";
import { emptyReport, type MutableReport, type FetchReport } from "../report.ts";
import { FirstAbort, isAborted } from "../../net/abort.ts";
import { LoginPause } from "./login-pause.ts";
import { pauseAfterFailure, stateAfterFailure, stateAtEnd, type Aftermath } from "./next-poll.ts";
import { Opening } from "./opening.ts";
import { RunLedger } from "./run-ledger.ts";
import { RunLog } from "./run-log.ts";
import { traceRun } from "./trace.ts";
import { loadDebug } from "../../net/log.ts";
import { steadyTime, wallTime } from "../../system/clock.ts";
import { random } from "../../system/random.ts";

/** Runs once over a mailbox. Rejects with {@link FetchError}. */
export async function runFetch(settings: FetchSettings): Promise<FetchReport> {
  await loadDebug();
  return traceRun(settings, () => new Run(settings).run());
}

/** After this many runs in a row that died before the first message, the mailbox itself is to blame. */
const CRASHES = 5;

class Run {
  /** Once the lease is held, their `signal` is also aborted when the lease is lost. */
  #settings: FetchSettings;
  readonly #pool: Pop3Pool;
  readonly #draft: MutableReport;
  readonly #log: RunLog;
  /** By the steady clock, because the system clock may be set back. */
  readonly #began: number = steadyTime();
  readonly #loginPause: LoginPause;
  readonly #spent: Spent = { messages: 0, octets: 0, slow: new Set(), slowInARow: 0 };
  /** Why the destination is down, if it is. */
  #down: Error | undefined;
  /** The last session failed while several commands were in flight. */
  #brokePipeline = false;
  /** No session of this run has failed like this before. */
  #isFirstBreak = true;
  /**
   * The destination refused several messages in a row, and was never offered others: see
   * {@link SessionOutcome.untried}.
   */
  #untried = false;

  constructor(settings: FetchSettings) {
    this.#log = new RunLog(settings);
    this.#settings = { ...settings, onEvent: this.#log.before(settings.onEvent) };
    this.#loginPause = new LoginPause(settings.policy.rate);
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
    const ledger = await this.#open();
    const { signal } = this.#settings;
    const { lost } = ledger.held;
    // Closes the connection when the lease is lost.
    const either = new FirstAbort(signal, lost);
    this.#settings = { ...this.#settings, signal: either.signal };
    let report: FetchReport;
    try {
      report = await this.#unlessTooEarly(ledger);
    } catch (error) {
      // The caller gets the first error.
      await ledger.close().catch(() => undefined);
      throw error;
    } finally {
      either.release();
    }
    await ledger.close();
    return report;
  }

  async #open(): Promise<RunLedger> {
    const { ledger, mailbox, policy, signal } = this.#settings;
    const held = await (policy.dryRun ? Rehearsal.open(ledger, mailbox) : ledger.open(mailbox, { signal }));
    checkHeld(held);
    return new RunLedger(held);
  }

  async #unlessTooEarly(ledger: RunLedger): Promise<FetchReport> {
    const { mailbox, force, onEvent } = this.#settings;
    await this.#countCrash(ledger);
    const { notBefore = 0, notBeforeSaid = 0 } = ledger.state;
    const now = wallTime();
    if (!force && notBefore > now && notBeforeSaid <= now) return this.#report("deferred", notBefore);
    await onEvent({ mailbox, type: "begin" });
    return this.#sessions(ledger);
  }

  /**
   * Notes that the run before has died. Rejects with `POP3_MAILBOX_POISON` if too many have died one after the
   * other: they would take the process with them again and again.
   */
  async #countCrash(ledger: RunLedger): Promise<void> {
    if (!ledger.held.takenOver) return;
    const crashes = (ledger.state.crashes ?? 0) + 1;
    ledger.setState({ ...ledger.state, crashes });
    await ledger.record();
    if (crashes < CRASHES || this.#settings.force) return;
    const cause = new Pop3Error(
      "POP3_MAILBOX_POISON",
      `${String(crashes)} runs in a row ended with their process before they retrieved a message. Find out why, ` +
        "for example from the memory that the process may use; the next run tries again, and so does the option force",
    );
    const failure = this.#failure(cause, ledger.state);
    ledger.setState({ ...stateAfterFailure(failure, ledger.state, this.#aftermath), crashes });
    throw failure;
  }

  async #sessions(ledger: RunLedger): Promise<FetchReport> {
    let stopped: boolean;
    try {
      const { serialUntil } = ledger.state;
      if (serialUntil !== undefined) rememberSerial(this.#server, serialUntil);
      stopped = await this.#oneAfterAnother(ledger, ledger.held.takenOver);
    } catch (thrown) {
      const failure = this.#failure(ledger.isLost ? this.#leaseLost(ledger, thrown) : thrown, ledger.state);
      ledger.setState(stateAfterFailure(failure, ledger.state, this.#aftermath));
      throw failure;
    }
    const left = stopped || this.#draft.left > 0;
    const { policy } = this.#settings;
    const mailCame = this.#draft.delivered > 0;
    const state = stateAtEnd(ledger.state, policy.poll, { left, mailCame }, this.#aftermath);
    ledger.setState(state);
    const pause = spreadPause(policy.poll, state.interval ?? 0, random);
    const next = Math.max(wallTime() + pause, state.notBefore ?? 0);
    const outcome = left ? "stopped" : "done";
    return this.#report(policy.dryRun && !stopped ? "dry-run" : outcome, next);
  }

  /** Runs sessions until all is done. Returns whether the run was stopped before that. */
  async #oneAfterAnother(ledger: RunLedger, careful: boolean): Promise<boolean> {
    const { limits } = this.#settings.policy;
    const until = this.#began + limits.seconds * 1000;
    for (let [retrieve, halted] = [true, false]; ;) {
      const before = this.#progress;
      let outcome: SessionOutcome;
      try {
        const oneByOne = !this.#isFirstBreak;
        outcome = await this.#session(ledger, { retrieve, careful, oneByOne, until, spent: this.#spent });
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
  async #mayContinueSerially(ledger: RunLedger, error: unknown): Promise<boolean> {
    if (!this.#brokePipeline || !this.#isFirstBreak) return false;
    this.#isFirstBreak = false;
    const { mailbox, onEvent, stop, signal } = this.#settings;
    ledger.setState({ ...ledger.state, ...this.#serialUntil });
    await onEvent({ mailbox, type: "pipelining-broken", error });
    return !isAborted(stop, signal) && (await this.#mayLogInAgain());
  }

  get #aftermath(): Aftermath {
    return { loginPause: this.#loginPause.left, serialUntil: this.#serialUntil };
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

  /** Opens a session, works in it, and commits with QUIT. */
  async #session(ledger: RunLedger, task: SessionTask): Promise<SessionOutcome> {
    const { account, stop, signal } = this.#settings;
    const opening = new Opening(task.retrieve ? stop : undefined, signal);
    let outcome: SessionOutcome | undefined;
    try {
      await this.#pool.use(
        account,
        async (client) => {
          opening.opened(client);
          outcome = await this.#work(client, ledger, task);
        },
        // A session that the pool has kept open does not see new mail.
        { fresh: true, signal: opening.signal },
      );
    } catch (error) {
      return this.#outcomeAfter(error, outcome, opening.isOpen);
    } finally {
      opening.release();
    }
    const done = outcome as unknown as SessionOutcome; // set in a callback, which the compiler does not see
    if (done.marked.length > 0) await this.#deleted(ledger, done);
    if (done.withoutQuit) this.#throwIfAborted();
    return done;
  }

  /** Returns the outcome of a session that ended with an error, or throws what the run fails with. */
  #outcomeAfter(error: unknown, outcome: SessionOutcome | undefined, wasOpen: boolean): SessionOutcome {
    const { committed } = outcomeOfQuit(error);
    if (committed !== undefined) this.#draft.committed = committed;
    this.#throwIfAborted();
    if (outcome !== undefined && committed !== undefined) return { ...outcome, more: false, toDelete: false };
    if (!wasOpen && isAborted(this.#settings.stop)) return STOPPED;
    throw error;
  }

  #throwIfAborted(): void {
    const { signal } = this.#settings;
    if (signal?.aborted === true) throw new Pop3AbortError(signal.reason);
  }

  /** Returns the error that says that the lease is lost: whatever the session ended with follows from that. */
  #leaseLost({ held: { lost } }: RunLedger, thrown: unknown): unknown {
    return lost.aborted ? lost.reason : thrown;
  }

  async #work(client: Pop3Client, ledger: RunLedger, task: SessionTask): Promise<SessionOutcome> {
    this.#loginPause.loggedIn(client);
    this.#log.session = client.id;
    try {
      const outcome = await runSession(client, ledger, this.#settings, this.#draft, task);
      if (outcome.withoutQuit) client.close();
      // QUIT follows.
      else await ledger.confirm();
      return outcome;
    } catch (error) {
      this.#brokePipeline = client.pipelining === "broken";
      // Close without QUIT: the server may hide retrieved messages after it, and they may not be delivered.
      client.close();
      throw error;
    }
  }

  async #deleted(ledger: RunLedger, { marked }: SessionOutcome): Promise<void> {
    const { mailbox, onEvent } = this.#settings;
    this.#draft.committed = true;
    this.#draft.deleted += marked.length;
    await ledger.record({ entries: marked });
    await onEvent({ mailbox, type: "deleted", messages: marked.length });
  }

  #mayLogInAgain(): Promise<boolean> {
    const { stop, signal } = this.#settings;
    return this.#loginPause.pass(stop, signal);
  }

  #failure(cause: unknown, { failures = 0 }: MailboxState): FetchError {
    const { policy } = this.#settings;
    const { temporary, pause } = pauseAfterFailure(cause, policy, failures, this.#untried);
    // A function of the caller may throw `undefined`.
    const isDown = this.#down !== undefined && cause === this.#down;
    const code = isDown ? "POP3_DESTINATION" : "POP3_CALLER";
    const { left, pollLeft } = this.#loginPause;
    const report = this.#report("failed", wallTime() + Math.max(pause, left, pollLeft));
    return new FetchError({ code, cause, temporary, report });
  }

  #report(outcome: FetchReport["outcome"], nextPollAt: number): FetchReport {
    return {
      ...this.#draft,
      outcome,
      nextPollAt: Math.round(nextPollAt),
      duration: Math.round(steadyTime() - this.#began),
    };
  }
}

/** Throws `POP3_CONFIG` if a ledger has the interface of an earlier version. */
function checkHeld(held: Partial<MailboxLedger>): void {
  if (typeof held.load === "function" && held.lost instanceof AbortSignal) return;
  throw configError(
    "ledger.open() must resolve with a MailboxLedger that has load(), fence, takenOver and lost: " +
      "until popwright 0.1 it had `entries` instead of load()",
  );
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
