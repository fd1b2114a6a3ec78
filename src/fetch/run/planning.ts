// Lists the maildrop and plans the session. Records and reports what the plan finds.
import type { FetchPlan } from "../plan/plan.ts";
import { planFetch } from "../plan/plan.ts";
import type { Listed } from "../plan/steps.ts";
import { listingDigest, nextDue } from "../plan/quiet.ts";
import type { MailboxState } from "../ledger/ledger.ts";
import { tell, type SessionContext } from "./context.ts";
import { listMaildrop } from "./listing.ts";

/** Lists the maildrop. The first session of a run reports its size and its malformed lines. */
export async function listMessages(context: SessionContext): Promise<readonly Listed[]> {
  const { client, policy, report, settings } = context;
  const { messages, malformed } = await listMaildrop(client, policy, settings.signal);
  if (report.listed === 0) {
    report.listed = messages.length;
    report.listedOctets = octetsOf(messages);
  }
  if (malformed.length > 0 && report.malformed.length === 0) {
    report.malformed = malformed;
    await tell(context, { type: "malformed", lines: malformed });
  }
  return messages;
}

/** Plans the session, and records in the ledger what the plan says about entries and state. */
export async function planSession(context: SessionContext, listing: readonly Listed[]): Promise<FetchPlan> {
  const { ledger, report, task, now } = context;
  const plan = await planFor(context, listing);
  const { retrieve, remove, skip, entries, forgotten } = plan;
  const { baseline: before, listing: _, due: __, ...rest } = ledger.state;
  const baseline = plan.baseline === undefined ? {} : { baseline: plan.baseline };
  // When the next entry is due depends on them, too.
  ledger.apply({ entries, forgotten });
  ledger.setState({ ...rest, lastRun: now, ...baseline, ...quietState(context, listing, plan) });
  // Only the first run and its mark must be durable before the mail is retrieved.
  const isMark = rest.lastRun === undefined || before !== plan.baseline;
  if (isMark || entries.length > 0 || forgotten.length > 0) await ledger.record({ entries, forgotten });
  await tell(context, {
    type: "listed",
    messages: listing.length,
    octets: report.listedOctets,
    toRetrieve: task.retrieve ? retrieve.length : 0,
    toRetrieveOctets: octetsOf(retrieve),
    toDelete: remove.length,
  });
  if (task.retrieve) {
    report.skipped = [...skip];
    for (const each of skip) await tell(context, { type: "skipped", ...each });
  }
  return plan;
}

/**
 * Tells that the server lists what it listed when there was nothing left to do, and that nothing is due. The run
 * then needs no entries. Reports the listing.
 */
export async function isQuiet(context: SessionContext, listing: readonly Listed[]): Promise<boolean> {
  const { ledger, policy, report, task, now } = context;
  const { listing: before, due = Infinity, lastRun = Infinity } = ledger.state;
  // If the clock was put back, `due` is not reliable.
  if (before === undefined || policy.dryRun || now >= due || now < lastRun) return false;
  if (!task.retrieve || before !== listingDigest(listing, policy)) return false;
  ledger.setState({ ...ledger.state, lastRun: now });
  report.left = 0;
  await tell(context, {
    type: "listed",
    messages: listing.length,
    octets: report.listedOctets,
    toRetrieve: 0,
    toRetrieveOctets: 0,
    toDelete: 0,
  });
  return true;
}

/** Returns what the state says of a listing that leaves nothing to do. */
function quietState(
  { ledger, policy }: SessionContext,
  listing: readonly Listed[],
  { retrieve, remove, skip, left, baseline }: FetchPlan,
): Pick<MailboxState, "listing" | "due"> {
  const isQuiet = retrieve.length + remove.length + skip.length + left === 0 && baseline === undefined;
  if (!isQuiet || policy.dryRun) return {};
  const due = nextDue(ledger.entries.values(), policy);
  return { listing: listingDigest(listing, policy), ...(due === undefined ? {} : { due }) };
}

async function planFor(
  { client, ledger, policy, deadline, now }: SessionContext,
  listing: readonly Listed[],
): Promise<FetchPlan> {
  const { entries, state } = ledger;
  const first = state.lastRun === undefined;
  const situation = { listing, entries, first, baseline: state.baseline, policy, now };
  const plan = planFetch(situation);
  const needsTop = plan.retrieve.some(({ what }) => what === "headers");
  // This costs a command only if CAPA does not list TOP. A dry run retrieves nothing, so it does not ask.
  if (!needsTop || policy.dryRun || (await client.supports("TOP", { signal: deadline.signal }))) return plan;
  return planFetch({ ...situation, withoutTop: true });
}

function octetsOf(messages: readonly Listed[]): number {
  let octets = 0;
  for (const { size = 0 } of messages) octets += size;
  return octets;
}
