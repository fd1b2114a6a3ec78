// Reads the words of `popwright fetch`, or its configuration file: which mailboxes to fetch, where to, and how.
import type { Destination, FetchPolicy } from "../../fetch/index.ts";
import { nameOf } from "../../fetch/options.ts";
import type { Pop3ClientOptions } from "../../index.ts";
import { ACCOUNT_OPTIONS, accountFromWords, checkUser } from "../account.ts";
import type { Subcommand } from "../command.ts";
import type { Io } from "../io.ts";
import { shellWord } from "../text.ts";
import { UsageError } from "../usage-error.ts";
import { octetsOf, positionals, quoted, timeOf, wholeNumber, wordsOf } from "../usage.ts";
import { configured } from "./configured.ts";
import { placeNamed } from "./delivery-place.ts";
import { LEDGER_OPTIONS, sameLedger } from "./ledger-place.ts";
import { destinationsHere, TO_OPTIONS } from "./to-options.ts";

const OPTIONS = {
  ...ACCOUNT_OPTIONS,
  ...LEDGER_OPTIONS,
  ...TO_OPTIONS,
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

/** How the command runs, and what it prints. */
export interface Flags {
  readonly watch: boolean;
  readonly force: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** The mailboxes of the run, the ledger, and the limits of the run. */
export interface Task {
  readonly targets: readonly Target[];
  /** The directory of the ledger. */
  readonly state: string;
  /** The arguments that select the same ledger for another command. */
  readonly sameLedger: string;
  /** The arguments of `popwright retry` for the same mailboxes. */
  readonly retryWords: string;
  readonly maxSessions?: number | undefined;
  readonly maxPerHost?: number | undefined;
}

/** The options of the command, as `parseArgs` takes them. */
export const FETCH_OPTIONS: Subcommand["options"] = OPTIONS;

/** Reads the arguments of the command. Rejects with {@link UsageError}, or with the error of the file. */
export async function readTask(args: readonly string[], io: Io): Promise<Task & { readonly flags: Flags }> {
  const { values, positionals: words } = wordsOf(args, OPTIONS);
  const { watch = false, force = false, "dry-run": dryRun = false, json = false, quiet = false } = values;
  if (dryRun && watch) throw new UsageError("--dry-run and --watch cannot be combined: remove one");
  const task = await (values.config === undefined
    ? fromWords(words, values, io)
    : fromFile(words, values, io));
  return { ...task, flags: { watch, force, dryRun, json, quiet } };
}

async function fromWords(words: readonly string[], values: Values, io: Io): Promise<Task> {
  const [url = ""] = positionals(words, ["URL"]);
  if ((values.to === undefined || values.to === "") && values["dry-run"] !== true)
    throw new UsageError("--to is missing: it must name the destination of the mail");
  const account = accountFromWords(url, values, io);
  checkUser(account);
  // A dry run does not use the destination.
  const destinations = destinationsHere(values.state, io);
  const destination = destinations.at(placeNamed({ ...values, to: values.to ?? "." }));
  return {
    targets: [{ account, mailbox: nameOf(account), destination, policy: policyOf(values) }],
    state: destinations.state,
    sameLedger: sameLedger(values),
    retryWords: ` ${shellWord(url)}${sameLedger(values)}`,
  };
}

async function fromFile(words: readonly string[], values: Values, io: Io): Promise<Task> {
  positionals(words, []);
  const { mailboxes, destinations, ...file } = await configured(values, io);
  const targets = mailboxes.map(({ account, mailbox, to, policy }) => ({
    account,
    mailbox,
    destination: destinations.at(to),
    policy: { ...policy, ...dryRunOf(values), limits: { ...policy.limits, ...limitOf(values).limits } },
  }));
  const same = sameLedger(values);
  return { ...file, targets, sameLedger: same, retryWords: same };
}

function policyOf(values: Values): FetchPolicy {
  const when = deletionOf(values.delete);
  const first = values["first-run"];
  if (first !== undefined && !/^(?:all|none|\d+)$/.test(first))
    throw new UsageError(`--first-run must be all, none or a whole number (got ${quoted(first)})`);
  const firstRun =
    first === undefined || first === "all" || first === "none" ? first : { newest: Number(first) };
  const maxSize = octetsOf("--max-size", values["max-size"]);
  return {
    ...(when === undefined ? {} : { delete: when }),
    ...(firstRun === undefined ? {} : { firstRun }),
    ...(maxSize === undefined ? {} : { maxSize }),
    ...limitOf(values),
    ...dryRunOf(values),
  };
}

function deletionOf(word: string | undefined): FetchPolicy["delete"] {
  if (word === undefined || word === "never" || word === "delivered") return word;
  // A time, or a misspelt word.
  if (/^[\d.-]/.test(word)) return { afterDays: timeOf("--delete", word, "d") ?? Infinity };
  throw new UsageError(
    `--delete must be never, delivered or a time such as 14d or 36h (got ${quoted(word)})`,
  );
}

function dryRunOf(values: Values): Pick<FetchPolicy, "dryRun"> {
  return values["dry-run"] === true ? { dryRun: true } : {};
}

function limitOf(values: Values): Pick<FetchPolicy, "limits"> {
  const messages = wholeNumber("--messages", values.messages, 1);
  const seconds = timeLimit("--seconds", values.seconds);
  const messageSeconds = timeLimit("--message-seconds", values["message-seconds"]);
  return {
    limits: {
      ...(messages === undefined ? {} : { messages }),
      ...(seconds === undefined ? {} : { seconds }),
      ...(messageSeconds === undefined ? {} : { messageSeconds }),
    },
  };
}

function timeLimit(name: string, text: string | undefined): number | undefined {
  const seconds = timeOf(name, text, "s");
  if (seconds === 0) throw new UsageError(`${name} must be greater than 0 (got ${quoted(text ?? "")})`);
  return seconds;
}
