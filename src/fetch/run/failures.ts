// Records the messages of a session that were not delivered: in the ledger and in the report.
import { isDown } from "../destinations/destination-error.ts";
import { failureReason } from "../failure-reason.ts";
import type { LedgerEntry } from "../ledger/ledger.ts";
import { entryOf } from "../plan/entry.ts";
import { retryPause } from "../plan/schedule.ts";
import type { Listed, Retrieve } from "../plan/steps.ts";
import { isMessagesFault, type Failure } from "./blame.ts";
import { tell, type SessionContext } from "./context.ts";
import { wallTime } from "../../system/clock.ts";

export class Failures {
  readonly #context: SessionContext;
  readonly #all: Failure[] = [];

  constructor(context: SessionContext) {
    this.#context = context;
  }

  /** Whether the destination refused a message. */
  get hasRefusals(): boolean {
    return this.#all.some(({ by }) => by === "destination");
  }

  /** Whether a message took too long, which ended the session. */
  get hasSlow(): boolean {
    return this.#all.some(({ by }) => by === "time");
  }

  /** Whether messages have failed in this run whose names in the ledger are not known. */
  get hasNameless(): boolean {
    return this.#all.some(({ id }) => id === undefined) || this.#context.task.spent.slow.size > 0;
  }

  /** Remembers a failure until {@link record}: what follows shows who is to blame. */
  add(failure: Failure): void {
    this.#all.push(failure);
    if (failure.by !== "time") return;
    const { spent } = this.#context.task;
    spent.slowInARow++;
    if (failure.id === undefined) spent.slow.add(sightOf(failure.step));
  }

  /**
   * Leaves out messages that failed in this run, even if their pause is over: otherwise the run might never
   * end.
   */
  without(steps: readonly Retrieve[]): readonly Retrieve[] {
    const { report, task } = this.#context;
    const failed = new Set(report.failed.map(({ uid }) => uid));
    return steps.filter((step) =>
      step.id === undefined ? !task.spent.slow.has(sightOf(step)) : !failed.has(step.id),
    );
  }

  /**
   * In a careful run: records a message as failed before it is tried. If the process dies again, the next run
   * tries others first.
   */
  async blameBeforehand(step: Retrieve): Promise<void> {
    const { ledger, task } = this.#context;
    if (!task.careful || step.id === undefined) return;
    const error = new Error("the process ended during the delivery of this message");
    // From here on the message is to blame if the process dies, not the mailbox.
    const { crashes, ...state } = ledger.state;
    if (crashes !== undefined) ledger.setState(state);
    await ledger.record({ entries: [this.#entryOf(step, step.id, error, true)] });
  }

  /** Restores the entry from before the try, because the message was not at fault. */
  async takeBack({ id, before }: Retrieve): Promise<void> {
    const { ledger, task } = this.#context;
    if (!task.careful || id === undefined) return;
    await ledger.record(before === undefined ? { forgotten: [id] } : { entries: [before] });
  }

  /** Records a message that may have ended the session: the next run tries other messages first. */
  async suspect(step: Retrieve, error: unknown): Promise<void> {
    if (step.id === undefined) return;
    const { ledger } = this.#context;
    await ledger.recorded();
    await ledger.record({ entries: [this.#entryOf(step, step.id, error, false)] });
  }

  /** Records and reports all failures. */
  async record(): Promise<void> {
    const { ledger, report, now } = this.#context;
    const works = report.delivered > 0;
    for (const failure of this.#all) {
      const { step, id, cause } = failure;
      const counts = isMessagesFault(failure, works);
      const entry = id === undefined || isDown(cause) ? undefined : this.#entryOf(step, id, cause, counts);
      if (entry === undefined) await this.takeBack(step);
      else await ledger.record({ entries: [entry] });
      const { number, uid } = step;
      const failed = {
        number,
        uid,
        id,
        error: cause,
        reason: this.#reasonOf(cause),
        at: entry?.failedAt ?? wallTime(),
        tries: entry?.failures ?? 1,
        retryAt: entry === undefined ? now : entry.retryAt,
      };
      report.failed.push(failed);
      await tell(this.#context, { type: "message-failed", ...failed });
    }
  }

  /** Returns the entry of a failed message. `counts`: whether the failure counts as one of its `tries`. */
  #entryOf(step: Retrieve, id: string, error: unknown, counts: boolean): LedgerEntry {
    const { ledger, policy, now } = this.#context;
    const before = step.id === undefined ? ledger.entries.get(id) : step.before;
    const tries = (before?.tries ?? 0) + (counts ? 1 : 0);
    const failures = (before?.failures ?? 0) + 1;
    const quarantined = counts && tries >= policy.tries;
    const failedAt = wallTime();
    const retryAt = failedAt + retryPause(policy.retry, failures);
    return {
      ...entryOf(step, id, quarantined ? "quarantined" : "failed", before?.firstSeen ?? now),
      tries,
      failures,
      failedAt,
      reason: this.#reasonOf(error),
      ...(quarantined ? {} : { retryAt }),
    };
  }

  #reasonOf(error: unknown): string {
    return reasonOf(error, this.#context);
  }
}

/** Returns why the destination refused a message, safe to print. */
export function reasonOf(error: unknown, { settings }: Pick<SessionContext, "settings">): string {
  const { pass, accessToken } = settings.account.auth ?? {};
  const secrets = [pass, accessToken].filter((secret) => typeof secret === "string");
  return failureReason(error, secrets);
}

/**
 * Returns a name for a message within one run: its number and size, which stay valid until a message is
 * deleted.
 */
function sightOf({ number, size }: Listed): string {
  return `${number} ${String(size)}`;
}
