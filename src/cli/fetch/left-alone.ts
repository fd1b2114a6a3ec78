// What is told of messages that are left alone after their tries, and how they get another one.
import type { FetchReport, MessageFailure } from "../../fetch/index.ts";
import { printable } from "../../protocol/printable.ts";
import { shownId } from "./ledger-place.ts";
import { count } from "../text.ts";

/** The most messages that are told one by one. */
const TOLD = 5;

/** Whether a run has left messages alone after their tries: before it began, or from now on. */
export function leftAlone({ skipped, failed }: FetchReport): number {
  const before = skipped.filter(({ reason }) => reason === "quarantined");
  return before.length + failed.filter(({ retryAt }) => retryAt === undefined).length;
}

/** Lines for people; none if there is nothing to tell. `retry`: the command that gives them another try. */
export function leftAloneText(report: FetchReport, retry: string): string[] {
  const number = leftAlone(report);
  if (number === 0) return [];
  const known = report.skipped.filter(({ reason }) => reason === "quarantined");
  const lines = known.slice(0, TOLD).map(({ number: message, failure }) => failureText(message, failure));
  if (known.length > TOLD) lines.push(`and ${String(known.length - TOLD)} more`);
  return [
    `${count(number, "message")} could not be delivered, and ${number === 1 ? "is" : "are"} not tried any more:`,
    ...lines,
    `If the cause is gone, this gives ${number === 1 ? "it" : "them"} another try: ${retry}`,
  ];
}

function failureText(message: number, failure: MessageFailure | undefined): string {
  const { id = "", tries = 0, at, reason = "unknown" } = failure ?? {};
  const when = at === undefined ? "" : `, the last on ${new Date(at).toISOString()}`;
  return `message ${String(message)} (${printable(shownId(id))}), ${count(tries, "failure")}${when}: ${reason}`;
}
