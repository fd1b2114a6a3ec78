// Does the work of one session of a run: lists the maildrop, plans, delivers, and marks with DELE. The caller
// owns the session and sends QUIT, which commits.
import type { Pop3Client } from "../../client.ts";
import type { FetchSettings } from "../options.ts";
import type { FetchPlan } from "../plan/plan.ts";
import { plannedRun } from "../plan/planned.ts";
import type { CompletePolicy } from "../plan/policy.ts";
import { Unlisted } from "../plan/unlisted.ts";
import type { MutableReport } from "../report.ts";
import { endedByTime } from "./blame.ts";
import type { SessionContext } from "./context.ts";
import { Deadline } from "./deadline.ts";
import { Deliveries } from "./deliveries.ts";
import { Failures } from "./failures.ts";
import { isQuiet, listMessages, planSession } from "./planning.ts";
import type { RunLedger } from "./run-ledger.ts";
import { Tally } from "./tally.ts";
import { NOTHING_DONE, STOPPED, type SessionOutcome, type SessionTask, type Spent } from "./task.ts";
import { recogniseChangedUids } from "./uid-reset.ts";
import { wallTime } from "../../system/clock.ts";

/** After this many messages in a row that took too long, the server or the connection is at fault. */
const SLOW_IN_A_ROW = 3;

/** Runs a session up to, but without, QUIT. Rejects with the error that ended the session. */
export async function runSession(
  client: Pop3Client,
  ledger: RunLedger,
  settings: FetchSettings,
  report: MutableReport,
  task: SessionTask,
): Promise<SessionOutcome> {
  const deadline = new Deadline(task.retrieve ? task.until : Infinity, settings.signal);
  const context: SessionContext = {
    client,
    ledger,
    settings,
    policy: withLimitsLeft(settings.policy, task.spent),
    report,
    task,
    deadline,
    now: wallTime(),
  };
  try {
    return await work(context);
  } catch (error) {
    // The time limit passed before the first delivery: nothing was marked, and nothing is lost.
    if (endedByTime(error, { timeIsOver: deadline.passed })) return STOPPED;
    throw error;
  } finally {
    deadline.clear();
  }
}

/** Returns the policy with the part of the limits that earlier sessions have not used. */
function withLimitsLeft(policy: CompletePolicy, spent: Spent): CompletePolicy {
  const { limits } = policy;
  const octets = limits.octets - spent.octets;
  const messages = octets > 0 || spent.octets === 0 ? limits.messages - spent.messages : 0;
  return { ...policy, limits: { ...limits, octets, messages } };
}

async function work(context: SessionContext): Promise<SessionOutcome> {
  const { client, ledger, policy, report, task, deadline, now } = context;
  const listing = await listMessages(context);
  if (await isQuiet(context, listing)) return NOTHING_DONE;
  await ledger.load();
  await recogniseChangedUids(client, listing, ledger, policy, now, deadline.signal);
  const unlisted = new Unlisted(listing, ledger.entries);
  const plan = await planSession(context, listing);
  if (policy.dryRun) {
    report.planned = plannedRun(plan, policy, now);
    report.left = plan.left;
    return NOTHING_DONE;
  }
  const tally = new Tally(context, plan);
  const failures = new Failures(context);
  const deliveries = new Deliveries(context, tally, failures, unlisted, failures.without(plan.retrieve));
  if (task.retrieve) await deliveries.run();
  deadline.clear();
  await ledger.recorded();
  await failures.record();
  if (task.retrieve) await tally.noteBaselineSeen();
  return outcomeOf(context, plan, tally, failures, deliveries);
}

/** Ends a session: sends DELE if nothing is lost, and says what is left for another session. */
async function outcomeOf(
  { client, report, task }: SessionContext,
  plan: FetchPlan,
  tally: Tally,
  failures: Failures,
  deliveries: Deliveries,
): Promise<SessionOutcome> {
  const { stopped, down, left, abandoned } = deliveries;
  const ended = stopped || down !== undefined;
  const lost = client.state !== "transaction";
  const onlySlow = failures.hasSlow && task.spent.slowInARow < SLOW_IN_A_ROW;
  // NOOP rejects with the reason why the session was lost.
  if (lost && !ended && !onlySlow) await client.noop();
  if (task.retrieve) {
    report.left = plan.left + left;
    if (report.left === 0 && !failures.hasNameless) await tally.noteContentGone(plan);
  }
  const untried = deliveries.hasUntried(plan);
  const more = !ended && task.retrieve && left > 0 && !tally.isUsedUp;
  if (failures.hasRefusals || abandoned || lost) {
    const toDelete = down === undefined && tally.hasToDelete;
    return { marked: [], withoutQuit: true, more, toDelete, stopped, down, untried };
  }
  const marked = await tally.mark();
  return { marked, withoutQuit: false, more, toDelete: false, stopped, down, untried };
}
