// Describes a dry run: one line for each message that would be retrieved or deleted, and a summary.
import type { FetchReport, PlannedMessage } from "../../fetch/index.ts";
import { printable } from "../../protocol/printable.ts";
import { count, octetsText } from "../../advice/wording.ts";
import { columns } from "../text.ts";

const WHAT = { whole: "", headers: "headers only", content: "if its content is new" } as const;
const WHY = {
  delivered: "delivered before",
  retrieved: "after its delivery",
  "too large": "too large, and not delivered",
} as const;

/**
 * Formats a table: the action, the number, the size in bytes, the unique-id, and a remark. `width`: of the terminal, if
 * there is one.
 */
export function plannedTable({ planned }: FetchReport, width: number | undefined): string {
  const row = (what: string, { number, uid, size }: PlannedMessage, more: string): string[] => [
    what,
    String(number),
    size === undefined ? "-" : String(size),
    uid === undefined ? "-" : printable(uid),
    more,
  ];
  return columns(
    [
      ...(planned?.retrieve ?? []).map((message) => row("retrieve", message, WHAT[message.what])),
      ...(planned?.delete ?? []).map((message) => row("delete", message, WHY[message.why])),
    ],
    [1, 2],
    width,
  );
}

/**
 * Formats the summary: `dry run, nothing was done: 2 messages would be retrieved, 52 B, 1 would be deleted`.
 */
export function plannedSummary({ planned, skipped, left }: FetchReport): string {
  const retrieve = planned?.retrieve ?? [];
  let octets = 0;
  for (const { size = 0 } of retrieve) octets += size;
  const parts = [
    retrieve.length === 0
      ? "no new mail"
      : `${count(retrieve.length, "message")} would be retrieved, ${octetsText(octets)}`,
    `${String(planned?.delete.length ?? 0)} would be deleted`,
  ];
  if (skipped.length > 0) parts.push(`${String(skipped.length)} left alone`);
  if (left > 0) parts.push(`${String(left)} left for the next run`);
  return `dry run, nothing was done: ${parts.join(", ")}`;
}
