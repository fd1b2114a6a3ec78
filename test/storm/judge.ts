// Says what of a storm is not as promised, and puts its figures into a table.
import { table } from "../soak/table.ts";
import { FAULTS } from "./schedule.ts";
import { ALL_BOXES, CAP, LEDGERS, longestGap, TIMES, type LedgerKind } from "./settings.ts";
import { coveredBy, inAllOf, type Span } from "./spans.ts";
import type { StormResult } from "./storm.ts";

const hostOf = (box: string): number => ALL_BOXES.find(({ id }) => id === box)?.host ?? 0;
const ledgerOf = (box: string): LedgerKind => ALL_BOXES.find(({ id }) => id === box)?.ledger ?? "postgres";

/** A gap between two turns of a mailbox, in milliseconds. */
interface Gap extends Span {
  readonly box: string;
  readonly whole: number;
  /**
   * Without the times in which Redis, PostgreSQL, the host or all workers were away, or the machine had other work, and until
   * the time that was reserved for a mailbox whose host was full.
   */
  readonly left: number;
  /** The number of turns in it that did not end: their workers were killed or stopped. */
  readonly deaths: number;
  readonly bound: number;
}

/** The gap that is closest to its bound, or the furthest beyond it. */
function worstGap(result: StormResult): Gap {
  const { redis, postgres, machine, stopped, starting } = result;
  const noWorker = inAllOf(stopped.map((spans, at) => [...spans.all, ...(starting[at]?.all ?? [])]));
  const gaps = ALL_BOXES.flatMap(({ id, host }) =>
    pausesOf(id, result).map((pause) => {
      const gone = result.gone[host]?.all ?? [];
      const away = [...gone, ...redis.all, ...postgres.all, ...machine.all, ...noWorker, pause.reserved];
      const whole = pause.to - pause.from;
      // The gate of the host remembers an outage for a pause.
      const wasDown = coveredBy({ from: pause.from - TIMES.longest, to: pause.to }, gone) > 0;
      const left = whole - coveredBy(pause, away);
      const deaths = result.begun.filter(
        ({ begun, at }) => begun === id && pause.from < at && at < pause.to,
      ).length;
      return { ...pause, box: id, whole, left, deaths, bound: longestGap(deaths, wasDown) };
    }),
  );
  return gaps.sort((a, b) => b.left / b.bound - a.left / a.bound)[0] as Gap;
}

/** From the end of each turn of a mailbox to the beginning of the next one. */
function pausesOf(
  box: string,
  { polls, time }: StormResult,
): readonly (Span & { readonly reserved: Span })[] {
  const turns = polls.filter(({ id }) => id === box).sort((a, b) => a.at - b.at);
  const ends = [time.from, ...turns.map(({ at }) => at)];
  const begins = [...turns.map(({ at, duration }) => at - duration), time.to];
  return ends.map((from, at) => {
    const { outcome, nextPollAt = from } = turns[at - 1] ?? {};
    return { from, to: begins[at] as number, reserved: { from, to: outcome === "full" ? nextPollAt : from } };
  });
}

/** Second sessions on a maildrop that no stopped process explains. */
function unexplainedOverlaps(result: StormResult): readonly { readonly box: string; readonly at: number }[] {
  return result.hosts
    .flatMap(({ overlaps }) => overlaps)
    .filter(({ box, at }) => {
      // A process that goes on has to find out first that its lease is lost. A flush takes the leases of the Redis ledger.
      const isStopped = result.stopped.some((spans) => spans.covers(at, TIMES.lease));
      return !isStopped && !(ledgerOf(box) === "redis" && result.flushes.covers(at, TIMES.lease));
    });
}

/** How often a host had more sessions than allowed although no process was stopped, and no places were lost. */
function unexplainedExcess({ hosts, flushes, stopped }: StormResult): number {
  return hosts
    .flatMap(({ over }) => over)
    .filter((at) => {
      // It keeps its connections, and others poll its mailboxes in the same places.
      const isStopped = stopped.some((spans) => spans.covers(at, TIMES.lease));
      return !isStopped && !flushes.covers(at, TIMES.lease);
    }).length;
}

/** One sentence for each promise that was not kept. */
export function problemsOf(result: StormResult): readonly string[] {
  const problems: string[] = [];
  const check = (isKept: boolean, text: string): void => {
    if (!isKept) problems.push(text);
  };
  for (const ledger of LEDGERS) {
    const { rows, messages } = result.stored[ledger];
    const lost = result.added[ledger] - messages;
    check(lost === 0, `${ledger}: ${String(lost)} messages are lost`);
    check(rows === messages, `${ledger}: ${String(rows - messages)} messages are there twice`);
    const old = result.oldFences[ledger];
    check(old === 0, `${ledger}: ${String(old)} rows or entries were written under an old fence`);
  }
  check(result.failed === 0, `${String(result.failed)} jobs were in "failed"`);
  check(result.workerFailures === 0, `${String(result.workerFailures)} workers have ended by themselves`);
  const overlaps = unexplainedOverlaps(result);
  check(
    overlaps.length === 0,
    `${String(overlaps.length)} second sessions on a maildrop while no process was stopped: ${overlaps.map(({ box }) => box).join(", ")}`,
  );
  const excess = unexplainedExcess(result);
  check(excess === 0, `${String(excess)} times a host had more than ${String(CAP)} sessions`);
  const gap = worstGap(result);
  check(
    gap.left <= gap.bound,
    `${gap.box} had no turn for ${seconds(gap.left)}, and the bound is ${seconds(gap.bound)}`,
  );
  for (const { ms, code } of result.ends)
    check(
      ms <= TIMES.within && code === 0,
      `a worker took ${seconds(ms)} to end, with exit code ${String(code)}`,
    );
  return problems;
}

/** The figures, for people. */
export function tableOf(result: StormResult): string {
  const { hosts, polls, added, stored } = result;
  const sum = (of: (host: (typeof hosts)[number]) => number): string =>
    String(hosts.reduce((all, host) => all + of(host), 0));
  const faults = FAULTS.map(
    (kind) => `${kind} ${String(result.faults.filter((fault) => fault.kind === kind).length)}`,
  );
  const of = (ledger: LedgerKind): StormResult["polls"] => polls.filter(({ id }) => ledgerOf(id) === ledger);
  const rows = [
    ["", "PostgreSQL", "Redis"],
    ["messages", ...LEDGERS.map((ledger) => String(added[ledger]))],
    ["lost", ...LEDGERS.map((ledger) => String(added[ledger] - stored[ledger].messages))],
    ["there twice", ...LEDGERS.map((ledger) => String(stored[ledger].rows - stored[ledger].messages))],
    ["came again, known by key", "-", String(result.tries.rows - result.tries.messages)],
    ["written under an old fence", ...LEDGERS.map((ledger) => String(result.oldFences[ledger]))],
    ["polls", ...LEDGERS.map((ledger) => String(of(ledger).length))],
    ...["full", "held-back", "failed", "deferred", "stopped"].map((outcome) => [
      `  of them: ${outcome}`,
      ...LEDGERS.map((ledger) => String(of(ledger).filter((poll) => poll.outcome === outcome).length)),
    ]),
    ...[0.5, 0.99].map((part) => [
      `lag, p${String(part * 100)}`,
      ...LEDGERS.map((ledger) => seconds(quantile(lags(of(ledger)), part))),
    ]),
    [
      "lag, p99, hosts that stayed",
      ...LEDGERS.map((ledger) =>
        seconds(quantile(lags(of(ledger).filter(({ id }) => stayed(result, id))), 0.99)),
      ),
    ],
  ];
  const gap = worstGap(result);
  const lines = [
    `faults: ${faults.join(", ")}`,
    `logins: ${sum(({ logins }) => logins)}, refused as in use: ${sum(({ inUse }) => inUse)}`,
    `second sessions on a maildrop: ${sum(({ overlaps }) => overlaps.length)}, of them while no process was stopped: ${String(unexplainedOverlaps(result).length)}`,
    `most sessions with a host: ${hosts.map(({ most }) => String(most)).join(", ")} (limit ${String(CAP)}), over the limit although no process was stopped or place lost: ${String(unexplainedExcess(result))}`,
    `longest gap: ${gap.box}, from ${seconds(gap.from - result.time.from)} for ${seconds(gap.whole)}, without outages ${seconds(gap.left)} (bound ${seconds(gap.bound)}, as ${String(gap.deaths)} of its workers were killed or stopped); before and after: ${story(gap, polls)}`,
    `codes: ${codes(polls)}`,
    `most jobs in "failed": ${String(result.failed)}`,
    `after the storm, all mail was there in ${seconds(result.drained)}; the workers ended in ${result.ends.map(({ ms }) => seconds(ms)).join(", ")}`,
  ];
  return `${table(rows)}\n${lines.join("\n")}\n`;
}

/** The lag of the mailboxes whose hosts stayed while another one was gone, and in a storm without any fault. */
export function comparisonOf(calm: StormResult, gone: StormResult): string {
  const p99 = (result: StormResult): number => {
    const others = result.polls.filter(({ id }) => stayed(gone, id));
    return quantile(lags(others), 0.99) ?? 0;
  };
  const [without, withFault] = [p99(calm), p99(gone)];
  return (
    `p99 lag of the mailboxes on other hosts: ${seconds(withFault)} while one host is gone most of the time, ` +
    `${seconds(without)} without a fault: ${(withFault / without).toFixed(2)} times as much`
  );
}

/** What the workers said of a mailbox around a gap. */
function story({ box, from, to }: Gap, polls: StormResult["polls"]): string {
  return polls
    .filter(({ id, at }) => id === box && at >= from - 10_000 && at <= to + 10_000)
    .map(({ at, outcome, code }) => `${seconds(at - from)} ${outcome}${code === undefined ? "" : ` ${code}`}`)
    .join(", ");
}

/** Whether the host of a mailbox was never away. */
function stayed({ gone }: StormResult, box: string): boolean {
  return (gone[hostOf(box)]?.all ?? []).length === 0;
}

function lags(polls: StormResult["polls"]): number[] {
  return polls.flatMap(({ lag }) => lag ?? []);
}

function quantile(values: readonly number[], part: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
}

function codes(polls: StormResult["polls"]): string {
  const counts = new Map<string, number>();
  for (const { code } of polls) if (code !== undefined) counts.set(code, (counts.get(code) ?? 0) + 1);
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return sorted.map(([code, count]) => `${code} ${String(count)}`).join(", ") || "none";
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? "-" : `${(ms / 1000).toFixed(2)} s`;
}
