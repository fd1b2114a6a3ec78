// Does one run over a mailbox whose host may be down: the gate of the host learns from it, and says when the next one is due.
import type { FetchEvent } from "./events.ts";
import { FetchError } from "./fetch-error.ts";
import type { HostDown, HostGate, Pass } from "./host-gate.ts";
import type { FetchSettings } from "./options.ts";
import { emptyReport, type FetchReport } from "./report.ts";
import { runFetch } from "./run/run.ts";

/** Does one run. Returns when the next one is due, in milliseconds since 1970. */
export async function runOnce(settings: FetchSettings, gate: HostGate, pass: Pass): Promise<number> {
  const { onEvent, policy } = settings;
  const hear = (event: FetchEvent): Promise<void> | void => {
    gate.heard(event, pass, policy.poll);
    return onEvent(withTimeOfHost(event, gate));
  };
  try {
    return (await runFetch({ ...settings, onEvent: hear })).nextPollAt;
  } catch (error) {
    if (error instanceof FetchError) return gate.notBefore(error.report.nextPollAt);
    throw error;
  } finally {
    gate.leave(pass);
  }
}

/** A mailbox is not polled before the next one tries its host, so an error must not name an earlier time. */
function withTimeOfHost(event: FetchEvent, gate: HostGate): FetchEvent {
  if (event.type !== "failed" || event.error.scope !== "host") return event;
  const { cause, temporary, report } = event.error;
  const nextPollAt = gate.notBefore(report.nextPollAt);
  if (nextPollAt === report.nextPollAt) return event;
  return { ...event, error: new FetchError({ cause, temporary, report: { ...report, nextPollAt } }) };
}

/** The report of a mailbox that was not polled because its host is down. */
export function heldBack(mailbox: string, { error, nextPollAt }: HostDown): FetchReport {
  return { ...emptyReport(mailbox), outcome: "deferred", hostDown: error, nextPollAt };
}
