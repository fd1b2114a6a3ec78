// Describes the messages that are left alone after their tries, and the command that gives them another try.
import type { FetchReport, MessageFailure } from "../../fetch/index.ts";
import { printable } from "../../protocol/printable.ts";
import { shownId } from "./ledger-place.ts";
import { localTime } from "../local-time.ts";
import { count } from "../../advice/wording.ts";
import type { Line } from "../text.ts";

/** The number of messages that are described one by one. */
const TOLD = 5;

/** Counts the messages that are left alone after their tries: by this run or by an earlier one. */
export function leftAlone({ skipped, failed }: FetchReport): number {
  const before = skipped.filter(({ reason }) => reason === "quarantined");
  return before.length + failed.filter(({ retryAt }) => retryAt === undefined).length;
}

/** Returns lines for the user, or none if no message is left alone. `retry`: the command for another try. */
export function leftAloneText(report: FetchReport, retry: string): Line[] {
  const number = leftAlone(report);
  if (number === 0) return [];
  const known = report.skipped.filter(({ reason }) => reason === "quarantined");
  const lines = known.slice(0, TOLD).map(({ number: message, failure }) => failureText(message, failure));
  if (known.length > TOLD) lines.push(`and ${String(known.length - TOLD)} more`);
  return [
    `${count(number, "message")} could not be delivered, and will not be tried again:`,
    ...lines,
    `After you have fixed the cause, run this to give ${number === 1 ? "it" : "them"} another try:`,
    { command: retry },
  ];
}

function failureText(message: number, failure: MessageFailure | undefined): string {
  const { id = "", tries = 0, at, reason = "unknown" } = failure ?? {};
  const when = at === undefined ? "" : `, the last on ${localTime(at)}`;
  return `message ${String(message)} (${printable(shownId(id))}), ${count(tries, "failure")}${when}: ${reason}`;
}
