// One turn of a mailbox: asks for its account, runs over it, and says when it is due again. Never rejects.
import { errorFrom } from "../protocol/foreign-error.ts";
import { Pop3Error, Pop3HostBusyError } from "../errors.ts";
import type { FetchEvent } from "../fetch/events.ts";
import { type FetchError } from "../fetch/fetch-error.ts";
import { heldBack, runOnce } from "../fetch/gated-run.ts";
import type { HostGates } from "../fetch/host-gate.ts";
import { completeFetchOptions, type FetchSettings } from "../fetch/options.ts";
import { spreadPause } from "../fetch/plan/schedule.ts";
import { untilAborted } from "../net/settle.ts";
import { checkNames, checkObject } from "../options/checks.ts";
import { Account } from "../pool/account.ts";
import type { Pop3Pool } from "../pool/pool.ts";
import type { FleetAccount, WorkerSettings } from "./options.ts";
import type { Outage } from "./outage.ts";
import type { FleetRecords, MailboxRecord } from "./records.ts";
import { troubleOf, type FleetPoll, type TroubleRecord } from "./report.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** What a poll uses of its worker. */
export interface PollContext {
  readonly settings: WorkerSettings;
  readonly records: FleetRecords;
  readonly gates: HostGates;
  readonly pool: Pop3Pool;
  readonly outage: Outage;
  readonly stop: AbortSignal;
  readonly signal: AbortSignal;
}

/** A turn without what the worker adds. */
type Turn = Partial<Pick<FleetPoll, "host" | "report" | "error" | "nextPollAt">> & {
  readonly outcome: FleetPoll["outcome"];
  /** What is wrong with the mailbox now; "as before", if the turn says nothing about it. */
  readonly trouble: TroubleRecord | "none" | "as before";
};

/** Polls a mailbox. Resolves with when it is due again, in milliseconds since 1970; `undefined`: never. */
export async function pollMailbox(id: string, context: PollContext): Promise<number | undefined> {
  const { settings, records } = context;
  const began = performance.now();
  const begun = Date.now();
  // Without Redis, the poll continues: the ledger may be elsewhere.
  const known = await records.of(id).catch(() => UNKNOWN);
  const turn = await turnOf(id, known, context);
  const { outcome, host, report, error } = turn;
  const nextPollAt = turn.nextPollAt === undefined ? undefined : Math.round(turn.nextPollAt);
  await note(id, known, turn, context).catch(() => undefined);
  try {
    settings.onPoll({
      id,
      host,
      outcome,
      lag: known.due === undefined ? undefined : Math.max(0, begun - known.due),
      duration: Math.round(performance.now() - began),
      report,
      error,
      nextPollAt,
    });
  } catch (thrown) {
    settings.onError(errorFrom(thrown));
  }
  return nextPollAt;
}

const UNKNOWN: MailboxRecord = { due: undefined, isPaused: false, trouble: undefined };

async function turnOf(id: string, { isPaused }: MailboxRecord, context: PollContext): Promise<Turn> {
  if (isPaused) return { outcome: "paused", nextPollAt: spread(HOUR), trouble: "as before" };
  let account: FleetAccount | undefined;
  try {
    account = await untilAborted(context.signal, () => context.settings.account(id, context.signal));
  } catch (thrown) {
    const error = errorFrom(thrown);
    if (!context.signal.aborted) context.outage.failed("caller", codeOf(error));
    return { outcome: "failed", error, nextPollAt: spread(MINUTE), trouble: "as before" };
  }
  if (account === undefined) return { outcome: "gone", trouble: "none" };
  try {
    return await runOf(id, account, context);
  } catch (thrown) {
    // The account itself is wrong: no run has begun.
    const error = errorFrom(thrown);
    const trouble = troubleRecord({ trouble: "attention", code: codeOf(error), scope: "caller" });
    return { outcome: "failed", error, nextPollAt: spread(HOUR), trouble };
  }
}

async function runOf(id: string, given: FleetAccount, context: PollContext): Promise<Turn> {
  checkObject("the result of account()", given);
  checkNames("", given, ["account", "mailbox", "policy", "destination", "paused"]);
  if (given.paused === true)
    return { outcome: "paused", nextPollAt: spread(HOUR), trouble: troubleRecord({ trouble: "paused" }) };
  let last: FetchEvent | undefined;
  const { onEvent } = context.settings;
  const settings = completeSettings(id, given, context, (event) => {
    if (event.type === "end" || event.type === "failed") last = event;
    return onEvent?.(event);
  });
  const account = new Account(settings.account);
  const { host } = account;
  const { gate, done } = context.gates.of(account);
  try {
    const pass = gate.ask();
    if ("error" in pass) {
      const { code } = pass.error;
      const report = heldBack(settings.mailbox, pass);
      const trouble = troubleRecord({ trouble: "host", code, scope: "host" });
      // Spread a little: thousands of mailboxes wait for the same try.
      const nextPollAt = pass.nextPollAt + Math.random() * FOLLOWING;
      return { outcome: "held-back", host, report, error: pass.error, nextPollAt, trouble };
    }
    const nextPollAt = await runOnce(settings, gate, pass);
    return { host, ...outcomeOf(last, nextPollAt, settings, context) };
  } finally {
    done();
  }
}

/** How far the mailboxes of a host that is down are apart when they come back, in milliseconds. */
const FOLLOWING = 10_000;

function completeSettings(
  id: string,
  { account, mailbox = id, policy, destination }: FleetAccount,
  { settings, pool, stop, signal }: PollContext,
  onEvent: FetchSettings["onEvent"],
): FetchSettings {
  const chosen = policy ?? settings.policy;
  const { logger } = settings;
  return completeFetchOptions(account, {
    ledger: settings.ledger,
    destination: destination ?? settings.destination,
    ...(chosen === undefined ? {} : { policy: chosen }),
    ...(logger === undefined ? {} : { logger }),
    mailbox,
    pool,
    stop,
    signal,
    onEvent,
  });
}

function outcomeOf(
  last: FetchEvent | undefined,
  nextPollAt: number,
  { policy: { poll } }: FetchSettings,
  { outage, signal }: PollContext,
): Turn {
  // No later than the longest pause, whatever a ledger or a clock says.
  const next = Math.min(nextPollAt, Date.now() + Math.max(poll.longest, HOUR));
  if (last?.type === "failed") {
    const { error } = last;
    if (signal.aborted && error.code === "POP3_ABORTED")
      // Another worker takes it. The shortest pause, as there may have been a login.
      return {
        outcome: "stopped",
        report: error.report,
        nextPollAt: Date.now() + poll.shortest,
        trouble: "as before",
      };
    if (isOutage(error)) outage.failed(error.scope, error.code);
    const trouble = troubleOf(error);
    const outcome = Pop3HostBusyError.is(error.cause) ? "full" : "failed";
    const record =
      trouble === undefined
        ? "as before"
        : troubleRecord({ trouble, code: error.code, scope: error.scope, responseCode: error.responseCode });
    return { outcome, report: error.report, error, nextPollAt: next, trouble: record };
  }
  const report = last?.type === "end" ? last.report : undefined;
  if (report === undefined || report.outcome === "deferred" || report.outcome === "dry-run")
    return { outcome: "deferred", report, nextPollAt: next, trouble: "as before" };
  outage.succeeded(report.delivered > 0);
  return { outcome: report.outcome, report, nextPollAt: next, trouble: "none" };
}

/** Whether all other mailboxes would fail in the same way. */
function isOutage({ scope, code }: FetchError): boolean {
  return scope === "destination" || (scope === "ledger" && code !== "POP3_LEASE_LOST");
}

/** Writes to Redis what has changed. A poll that succeeds, as the one before did, writes only when it is due again. */
async function note(
  id: string,
  known: MailboxRecord,
  { trouble, nextPollAt }: Turn,
  { records }: PollContext,
): Promise<void> {
  if (nextPollAt === undefined) {
    await records.forget(id);
    return;
  }
  const writes = [records.due(id, nextPollAt)];
  if (trouble === "none" && known.trouble !== undefined) writes.push(records.setTrouble(id, undefined));
  if (typeof trouble === "object" && !isSame(trouble, known.trouble))
    writes.push(records.setTrouble(id, trouble));
  await Promise.all(writes);
}

/** The time of the last failure is worth no write. */
function isSame(a: TroubleRecord, b: TroubleRecord | undefined): boolean {
  return a.trouble === b?.trouble && a.code === b.code && a.responseCode === b.responseCode;
}

function troubleRecord(of: {
  readonly trouble: TroubleRecord["trouble"];
  readonly code?: string | undefined;
  readonly scope?: TroubleRecord["scope"];
  readonly responseCode?: string | undefined;
}): TroubleRecord {
  const { trouble, code, scope, responseCode } = of;
  return {
    trouble,
    ...(code === undefined ? {} : { code: code as Pop3Error["code"] }),
    ...(scope === undefined ? {} : { scope }),
    ...(responseCode === undefined ? {} : { responseCode }),
    at: Date.now(),
  };
}

/** About `pause` milliseconds from now. */
function spread(pause: number): number {
  return Date.now() + spreadPause({ shortest: 0, longest: Infinity, jitter: 0.5 }, pause, Math.random);
}

function codeOf(error: Error): string | undefined {
  return Pop3Error.is(error) ? error.code : undefined;
}
