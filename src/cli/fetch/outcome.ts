// Prints the events of `popwright fetch`, and computes its exit code.
import { printable } from "../../protocol/printable.ts";
import { DestinationError, type FetchError, type FetchEvent, type FetchReport } from "../../fetch/index.ts";
import { Pop3ConnectionError, Pop3Error, Pop3ReplyError } from "../../index.ts";
import { attemptOf } from "../account.ts";
import { EXIT, exitCodeOf, type ExitCode } from "../exit-codes.ts";
import { explain, missingSecret, type Attempt } from "../explain.ts";
import { isInterrupted, type Io } from "../io.ts";
import { writeJson } from "../json.ts";
import { localTime } from "../local-time.ts";
import { count, octetsText } from "../../advice/wording.ts";
import { writeLines, type Line } from "../text.ts";
import { leftAlone, leftAloneText } from "./left-alone.ts";
import { plannedSummary, plannedTable } from "./planned-text.ts";
import { Progress } from "./progress.ts";
import type { Flags, Task } from "./task.ts";

/** Prints the events, and collects what determines the exit code. */
export class Outcome {
  /** For explanations of failures, by mailbox. */
  readonly #attempts: Map<string, Attempt> = new Map();
  readonly #flags: Flags;
  readonly #io: Io;
  readonly #progress: Progress;
  readonly #codes: Map<string, ExitCode> = new Map();
  /** The mailboxes over which a run goes now. Between two polls there are none. */
  readonly #running: Set<string> = new Set();
  /** The large message that is under way, by mailbox. */
  readonly #underway: Map<string, Extract<FetchEvent, { type: "progress" }>> = new Map();
  readonly #task: Task;
  /** The last text about messages that are left alone, by mailbox: a poll does not repeat the same text. */
  readonly #toldLeftAlone: Map<string, string> = new Map();

  constructor(task: Task, flags: Flags, io: Io) {
    const { targets } = task;
    this.#task = task;
    for (const { account, mailbox } of targets) this.#attempts.set(mailbox, attemptOf(account));
    this.#flags = flags;
    this.#io = io;
    this.#progress = new Progress(io.stderr);
  }

  async heard(event: FetchEvent): Promise<void> {
    if (event.type === "begin") this.#running.add(event.mailbox);
    if (event.type === "end" || event.type === "failed") this.#running.delete(event.mailbox);
    if (event.type === "end") this.#codes.set(event.mailbox, this.#codeOf(event.report));
    if (event.type === "failed") this.#codes.set(event.mailbox, exitCodeOf(event.error));
    if (this.#flags.json) {
      await writeJson(this.#io, event);
      return;
    }
    if (event.type === "progress") this.#underway.set(event.mailbox, event);
    else if (event.type !== "skipped") this.#underway.delete(event.mailbox);
    const { dryRun: isDry } = this.#flags;
    if (!this.#flags.quiet && !isDry) await this.#progress.heard(event);
    if (event.type === "end" && isDry)
      await this.#io.stdout.write(plannedTable(event.report, this.#io.stdout.columns));
    const [text, ...more] = isInterrupted(this.#io) ? [] : this.#linesOf(event);
    if (typeof text !== "string") return;
    await this.#progress.clear();
    // A log has times of its own.
    const isSeen = this.#flags.watch && this.#io.stderr.columns !== undefined;
    const first = `${isSeen ? `${localTime(Date.now())} ` : ""}${printable(event.mailbox)}: ${text}`;
    await writeLines(this.#io.stderr, first, ...more);
  }

  /** Says what the run waits for after the first signal. The message that is under way may be large. */
  async stopping(): Promise<void> {
    if (this.#flags.json || isInterrupted(this.#io) || this.#running.size === 0) return;
    const now = [...this.#underway.values()].map(
      ({ number, received, size }) =>
        `message ${String(number)} (${octetsText(received)}${size === undefined ? "" : ` of ${octetsText(size)}`})`,
    );
    await this.#progress.clear();
    const what = now.length === 0 ? "the current message" : now.join(", ");
    const text = `finishing ${what}; Ctrl+C again stops at once, and the next run fetches the rest`;
    await writeLines(this.#io.stderr, text);
  }

  #linesOf(event: FetchEvent): readonly Line[] {
    if (event.type === "failed") return this.#failure(event.error);
    if (event.type === "message-failed") {
      // The failure of the run says what is missing.
      if (DestinationError.is(event.error) && missingSecret(event.error) !== undefined) return [];
      const left = event.retryAt === undefined ? ": it will not be tried again" : "";
      return [`message ${String(event.number)} was not delivered (${event.reason})${left}`];
    }
    if (event.type === "pipelining-broken") {
      const words = event.error instanceof Error ? event.error.message : String(event.error);
      return [
        `the session failed while several commands were in flight (${words}): popwright now sends one at a time, in case the server cannot handle more`,
      ];
    }
    if (event.type !== "end") return [];
    const { report } = event;
    const lines = this.#leftAlone(report);
    // With --watch, a poll that finds nothing to do prints nothing.
    const isHeld = report.hostDown !== undefined;
    const idle = report.delivered + report.deleted === 0 && this.#flags.watch && !isHeld;
    if (!idle && !this.#flags.quiet) lines.unshift(...this.#summary(report));
    return lines;
  }

  #summary(report: FetchReport): string[] {
    const { outcome, unrecorded } = report;
    if (outcome === "dry-run") return [plannedSummary(report)];
    const summary = summaryOf(report, this.#task.state);
    // One message is normal after a crash. More mean that the ledger was lost.
    if (unrecorded < 2) return [summary];
    return [
      summary,
      `${count(unrecorded, "message")} of these were delivered before, and the ledger in ${this.#task.state} did not know them. ` +
        "Was the ledger lost, or replaced by an older copy?",
    ];
  }

  #leftAlone(report: FetchReport): Line[] {
    const { mailbox } = report;
    const lines = leftAloneText(report, `popwright retry${this.#task.retryWords}`);
    const text = JSON.stringify(lines);
    if (text === (this.#toldLeftAlone.get(mailbox) ?? "[]")) return [];
    this.#toldLeftAlone.set(mailbox, text);
    return lines;
  }

  #failure({ cause, code, report }: FetchError): readonly string[] {
    const lines = explain(cause, this.#attempts.get(report.mailbox));
    // What the system says does not name the destination, and often no file.
    if (code === "POP3_DESTINATION" && !Pop3Error.is(cause))
      lines[0] = `cannot deliver to the destination: ${lines[0] ?? ""} (${code})`;
    if (this.#flags.watch && Number.isFinite(report.nextPollAt))
      lines.push(`The next try is at ${localTime(report.nextPollAt)}.`);
    return lines;
  }

  #codeOf(report: FetchReport): ExitCode {
    const { failed, left, outcome, hostDown } = report;
    // With --watch, a signal is the normal end.
    const interrupted = outcome === "stopped" && left > 0 && this.#io.stop.aborted && !this.#flags.watch;
    if (hostDown !== undefined) return exitCodeOf(hostDown);
    if (outcome === "deferred" || interrupted) return EXIT.later;
    if (failed.length === 0) {
      // With --watch, this was printed when it happened.
      return leftAlone(report) > 0 && !this.#flags.watch ? EXIT.leftAlone : EXIT.ok;
    }
    const byServer = failed.every(
      ({ error }) => error instanceof Pop3ReplyError || error instanceof Pop3ConnectionError,
    );
    return byServer ? EXIT.unavailable : EXIT.destination;
  }

  exitCode(accounts: number): ExitCode {
    const codes = new Set(this.#codes.values());
    const [code = EXIT.ok] = codes;
    if (accounts === 1 || codes.size === 1) return code;
    return codes.size === 0 ? EXIT.ok : EXIT.some;
  }
}

/** Names the ledger: it is the reason if another destination gets nothing. */
function noNewMail({ listed, skipped, failed, left, known }: FetchReport, state: string): string {
  const before = listed - skipped.length - failed.length - left - known;
  return before > 0 ? `no new mail (${String(before)} fetched before; ledger: ${state})` : "no new mail";
}

/** `state`: the directory of the ledger. */
function summaryOf(report: FetchReport, state: string): string {
  const { outcome, delivered, known, deleted, octets, skipped, left } = report;
  const { malformed, committed, hostDown, nextPollAt } = report;
  if (hostDown !== undefined)
    return `not polled, because its host is down (${hostDown.message}): the next try is at ${localTime(nextPollAt)}`;
  if (outcome === "deferred")
    return `too early: the next poll is at ${localTime(nextPollAt)}. Use --force to connect now`;
  const parts = [
    delivered === 0
      ? noNewMail(report, state)
      : `${count(delivered, "message")} delivered, ${octetsText(octets)}`,
  ];
  if (known > 0) parts.push(`${String(known)} known`);
  if (deleted > 0) parts.push(`${String(deleted)} deleted`);
  if (skipped.length > 0) parts.push(`${String(skipped.length)} left alone`);
  if (left > 0) parts.push(`${String(left)} left for the next run`);
  const [line] = malformed;
  if (line !== undefined)
    parts.push(`${count(malformed.length, "malformed line")} in LIST or UIDL, such as "${line.text}"`);
  if (committed === false) parts.push("the server could not delete everything");
  if (committed === "unknown")
    parts.push("it is unknown whether the server deleted anything: the next run will see");
  return parts.join(", ");
}
