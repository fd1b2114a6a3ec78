// `popwright fetch`: fetches new mail from one mailbox or many, each message once.
import { resolve } from "node:path";
import {
  fetchAll,
  FileLedger,
  type Destination,
  type FetchError,
  type FetchEvent,
  type FetchPolicy,
  type FetchReport,
} from "../../fetch/index.ts";
import { nameOf } from "../../fetch/options.ts";
import { Pop3ConnectionError, Pop3ReplyError, type Pop3ClientOptions } from "../../index.ts";
import { hostText } from "../../net/authority.ts";
import { ACCOUNT_OPTIONS, accountFrom, accountFromWords, attemptOf } from "../account.ts";
import { ACCOUNT_HELP, type Subcommand } from "../command.ts";
import { readConfiguration } from "./configuration.ts";
import { defaultState } from "../default-state.ts";
import { destinationAt, type DeliveryPlace } from "./delivery-place.ts";
import { withoutVariables } from "../environment.ts";
import { EXIT, exitCodeOf, type ExitCode } from "../exit-codes.ts";
import { explain, type Attempt } from "../explain.ts";
import { isReaderGone, type Io } from "../io.ts";
import { writeJson } from "../json.ts";
import { LEDGER_OPTIONS, sameLedger } from "./ledger-place.ts";
import { leftAlone, leftAloneText } from "./left-alone.ts";
import { otherNames } from "./other-name.ts";
import { plannedSummary, plannedTable } from "./planned-text.ts";
import { Progress } from "./progress.ts";
import { count, octetsText, shellWord, wrapped } from "../text.ts";
import { octetsOf, positionals, quoted, UsageError, wholeNumber, wordsOf } from "../usage.ts";

const OPTIONS = {
  ...ACCOUNT_OPTIONS,
  ...LEDGER_OPTIONS,
  to: { type: "string" },
  format: { type: "string" },
  delete: { type: "string" },
  "max-size": { type: "string" },
  "first-run": { type: "string" },
  messages: { type: "string" },
  seconds: { type: "string" },
  "message-seconds": { type: "string" },
  force: { type: "boolean" },
  watch: { type: "boolean" },
  "dry-run": { type: "boolean" },
  json: { type: "boolean" },
  quiet: { type: "boolean" },
} as const;

type Values = ReturnType<typeof wordsOf<typeof OPTIONS>>["values"];

/** A mailbox: its account, its name in the ledger, its destination and its policy. */
interface Target {
  readonly account: Pop3ClientOptions;
  readonly mailbox: string;
  readonly destination: Destination;
  readonly policy: FetchPolicy;
}

/** The mailboxes of the run, the ledger, and the limits of the run. */
interface Task {
  readonly targets: readonly Target[];
  readonly state: string;
  /** The arguments of `popwright retry` for the same mailboxes. */
  readonly retryWords: string;
  readonly maxSessions?: number | undefined;
  readonly maxPerHost?: number | undefined;
}

export const fetch: Subcommand = {
  name: "fetch",
  summary: "fetches new mail, each message once, into a Maildir or files",
  options: OPTIONS,
  help: `popwright fetch URL --to PATH [options]
popwright fetch --config FILE [options]

Fetches the mail that was not fetched before. Each message is delivered and flushed to disk, then recorded in
a ledger, and then deleted on the server if --delete says so. If the process is killed, the connection drops
or the disk fills up, no message is lost and none is delivered twice.

  --to PATH          the destination of the mail
  --format FORMAT    maildir (the default), eml (a folder of files), mbox (one file, mboxrd)
  --config FILE      fetches several accounts, each with its policy: see docs/command-line.md
  --state DIR        the directory of the ledger; default: popwright in $XDG_STATE_HOME or ~/.local/state
                     (on Windows in %LOCALAPPDATA%)
  --delete WHEN      never (the default), delivered, or a number of days after the message was first seen
  --max-size BYTES   leaves larger messages alone: 500k, 10M
  --first-run WHAT   of the mail from before the first run, fetches all (the default), none, or the newest N
  --messages N       retrieves at most N messages
  --seconds N        stops after N seconds; the next run fetches the rest
  --message-seconds N
                     gives up on a message after N seconds (default: 3600) and continues with the others
  --force            connects even if the server or a failure requires a pause
  --watch            keeps polling, more often while mail arrives, until SIGINT or SIGTERM (on
                     Windows Ctrl+C or Ctrl+Break)
  --dry-run          lists the messages that would be retrieved and deleted, but changes nothing
  --json             prints each event as a JSON object, one per line
  --quiet            prints only problems

${ACCOUNT_HELP}
Exit codes
  0 success, new mail or not      1 some accounts failed      64 usage             69 server unavailable
  73 destination, 74 ledger       75 try again later          77 authentication    78 configuration
  65 success, but some messages will not be tried again: run "popwright help retry"

Examples
  POPWRIGHT_PASSWORD=... popwright fetch pop3s://ann@pop.example.com --to ~/Mail --delete 14
  popwright fetch --config ~/.config/popwright.json --watch --json
`,
  async run(args, io) {
    const { values, positionals: words } = wordsOf(args, OPTIONS);
    if (values["dry-run"] === true && values.watch === true)
      throw new UsageError("--dry-run and --watch cannot be combined");
    const task =
      values.config === undefined ? await fromWords(words, values, io) : await fromFile(words, values, io);
    const outcome = new Outcome(task, values, io);
    const ledger = new FileLedger(task.state);
    const hints = await otherNames(ledger, task.targets, sameLedger(values));
    if (values.quiet !== true) for (const hint of hints) await io.stderr.write(`${hint}\n`);
    const events = fetchAll(task.targets, {
      ledger,
      // Each target has its own destination.
      destination: () => undefined,
      stop: io.stop,
      repeat: values.watch ?? false,
      force: values.force ?? false,
      ...(task.maxSessions === undefined ? {} : { maxSessions: task.maxSessions }),
      ...(task.maxPerHost === undefined ? {} : { maxPerHost: task.maxPerHost }),
    });
    for await (const event of events) {
      try {
        await outcome.heard(event);
      } catch (error) {
        // The run goes on if the reader of the output has closed the pipe.
        if (!isReaderGone(error)) throw error;
      }
    }
    return outcome.exitCode(task.targets.length);
  },
};

async function fromWords(words: readonly string[], values: Values, io: Io): Promise<Task> {
  const [url = ""] = positionals(words, ["URL"]);
  if ((values.to === undefined || values.to === "") && values["dry-run"] !== true)
    throw new UsageError("--to is missing: it must name the destination of the mail");
  const account = await accountFromWords(url, values, io);
  if (account.auth === undefined)
    throw new UsageError(`the URL must name a user, as in pop3s://USER@${hostText(account.host)}`);
  // A dry run does not use the destination.
  const place = placeOf({ ...values, to: values.to ?? "." });
  const destination = destinationAt(place, (path) => resolve(path), io.env);
  return {
    targets: [{ account, mailbox: nameOf(account), destination, policy: policyOf(values) }],
    state: values.state ?? defaultState(io.env),
    retryWords: ` ${shellWord(url)}${sameLedger(values)}`,
  };
}

/** The options that cannot be combined with `--config`: the file sets them for each account. */
const IN_FILE = [
  "to",
  "format",
  "delete",
  "max-size",
  "first-run",
  "password-command",
  "token-command",
  "ca",
  "mechanism",
  "proxy",
] as const;

async function fromFile(words: readonly string[], values: Values, io: Io): Promise<Task> {
  positionals(words, []);
  for (const name of IN_FILE)
    if (values[name] !== undefined)
      throw new UsageError(`--${name} cannot be combined with --config: set it in the file`);
  const { accounts, secrets, state, maxSessions, maxPerHost, pathOf } = await readConfiguration(
    values.config ?? "",
  );
  const env = withoutVariables(io.env, secrets);
  const targets = await Promise.all(
    accounts.map(async ({ name, source, to, policy }): Promise<Target> => {
      const ca = source.ca === undefined ? undefined : pathOf(source.ca);
      const account = await accountFrom({ ...source, ca }, io, env);
      return {
        account,
        mailbox: name ?? nameOf(account),
        destination: destinationAt(to, pathOf, env),
        policy: { ...policy, ...dryRunOf(values), limits: { ...policy.limits, ...limitOf(values).limits } },
      };
    }),
  );
  const retryWords = sameLedger(values);
  return { targets, state: values.state ?? pathOf(state), retryWords, maxSessions, maxPerHost };
}

function placeOf({ to = "", format = "maildir" }: Values): DeliveryPlace {
  if (format === "maildir" || format === "eml" || format === "mbox") return { [format]: to };
  throw new UsageError(`--format must be maildir, eml or mbox (got ${quoted(format)})`);
}

function policyOf(values: Values): FetchPolicy {
  const days = /^\d+$/.test(values.delete ?? "") ? Number(values.delete) : undefined;
  const when = days === undefined ? values.delete : { afterDays: days };
  if (typeof when === "string" && when !== "never" && when !== "delivered")
    throw new UsageError(`--delete must be never, delivered or a number of days (got ${quoted(when)})`);
  const first = values["first-run"];
  const firstRun =
    first === undefined || first === "all" || first === "none"
      ? first
      : { newest: wholeNumber("--first-run", first) ?? 0 };
  const maxSize = octetsOf("--max-size", values["max-size"]);
  return {
    ...(when === undefined ? {} : { delete: when }),
    ...(firstRun === undefined ? {} : { firstRun }),
    ...(maxSize === undefined ? {} : { maxSize }),
    ...limitOf(values),
    ...dryRunOf(values),
  };
}

function dryRunOf(values: Values): Pick<FetchPolicy, "dryRun"> {
  return values["dry-run"] === true ? { dryRun: true } : {};
}

function limitOf(values: Values): Pick<FetchPolicy, "limits"> {
  const messages = wholeNumber("--messages", values.messages, 1);
  const seconds = wholeNumber("--seconds", values.seconds, 1);
  const messageSeconds = wholeNumber("--message-seconds", values["message-seconds"], 1);
  return {
    limits: {
      ...(messages === undefined ? {} : { messages }),
      ...(seconds === undefined ? {} : { seconds }),
      ...(messageSeconds === undefined ? {} : { messageSeconds }),
    },
  };
}

/** Prints the events, and collects what determines the exit code. */
class Outcome {
  /** For explanations of failures, by mailbox. */
  readonly #attempts: Map<string, Attempt> = new Map();
  readonly #values: Values;
  readonly #io: Io;
  readonly #progress: Progress;
  readonly #codes: Map<string, ExitCode> = new Map();
  readonly #task: Task;
  /** The last text about messages that are left alone, by mailbox: a poll does not repeat the same text. */
  readonly #toldLeftAlone: Map<string, string> = new Map();

  constructor(task: Task, values: Values, io: Io) {
    const { targets } = task;
    this.#task = task;
    for (const { account, mailbox } of targets) this.#attempts.set(mailbox, attemptOf(account));
    this.#values = values;
    this.#io = io;
    this.#progress = new Progress(io.stderr);
  }

  async heard(event: FetchEvent): Promise<void> {
    if (event.type === "end") this.#codes.set(event.mailbox, this.#codeOf(event.report));
    if (event.type === "failed") this.#codes.set(event.mailbox, exitCodeOf(event.error));
    if (this.#values.json === true) {
      await writeJson(this.#io.stdout, event);
      return;
    }
    const isDry = this.#values["dry-run"] === true;
    if (this.#values.quiet !== true && !isDry) await this.#progress.heard(event);
    if (event.type === "end" && isDry) await this.#io.stdout.write(plannedTable(event.report));
    const text = this.#textOf(event);
    if (text === undefined) return;
    await this.#progress.clear();
    await this.#io.stderr.write(`${event.mailbox}: ${text}\n`);
  }

  #textOf(event: FetchEvent): string | undefined {
    if (event.type === "failed") return this.#failure(event.error);
    if (event.type === "message-failed") {
      const left = event.retryAt === undefined ? ": it will not be tried again" : "";
      return `message ${String(event.number)} was not delivered (${event.reason})${left}`;
    }
    if (event.type === "pipelining-broken") {
      const words = event.error instanceof Error ? event.error.message : String(event.error);
      return `the server cannot handle several commands at once (${words}): popwright now sends one at a time`;
    }
    if (event.type !== "end") return undefined;
    const { report } = event;
    const lines = this.#leftAlone(report);
    // With --watch, a poll that finds nothing to do prints nothing.
    const idle = report.delivered + report.deleted === 0 && this.#values.watch === true;
    if (!idle && this.#values.quiet !== true) lines.unshift(...this.#summary(report));
    return lines.length === 0 ? undefined : this.#set(lines);
  }

  #summary(report: FetchReport): string[] {
    const { outcome, unrecorded } = report;
    if (outcome === "dry-run") return [plannedSummary(report)];
    // One message is normal after a crash. More mean that the ledger was lost.
    if (unrecorded < 2) return [summaryOf(report)];
    return [
      summaryOf(report),
      `${count(unrecorded, "message")} of these were delivered before, and the ledger in ${this.#task.state} did not know them. ` +
        "Was the ledger lost, or replaced by an older copy?",
    ];
  }

  #leftAlone(report: FetchReport): string[] {
    const { mailbox } = report;
    const lines = leftAloneText(report, `popwright retry${this.#task.retryWords}`);
    const text = lines.join("\n");
    if (text === (this.#toldLeftAlone.get(mailbox) ?? "")) return [];
    this.#toldLeftAlone.set(mailbox, text);
    return lines;
  }

  #set(lines: readonly string[]): string {
    return lines.map((line) => wrapped(line, 2, this.#io.stderr.columns)).join("\n  ");
  }

  #failure({ cause, report }: FetchError): string {
    const lines = explain(cause, this.#attempts.get(report.mailbox));
    if (this.#values.watch === true && Number.isFinite(report.nextPollAt))
      lines.push(`The next try is at ${new Date(report.nextPollAt).toISOString()}.`);
    return this.#set(lines);
  }

  #codeOf(report: FetchReport): ExitCode {
    const { failed, left, outcome } = report;
    // With --watch, a signal is the normal end.
    const interrupted =
      outcome === "stopped" && left > 0 && this.#io.stop.aborted && this.#values.watch !== true;
    if (outcome === "deferred" || interrupted) return EXIT.later;
    if (failed.length === 0) {
      // With --watch, this was printed when it happened.
      return leftAlone(report) > 0 && this.#values.watch !== true ? EXIT.leftAlone : EXIT.ok;
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

function summaryOf({
  outcome,
  delivered,
  known,
  deleted,
  octets,
  skipped,
  left,
  malformed,
  committed,
  nextPollAt,
}: FetchReport): string {
  if (outcome === "deferred")
    return `too early: the next poll is at ${new Date(nextPollAt).toISOString()}. Use --force to connect now`;
  const parts = [
    delivered === 0 ? "no new mail" : `${count(delivered, "message")} delivered, ${octetsText(octets)}`,
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
