// Reads the words of `popwright fetch`, or its configuration file: which mailboxes to fetch, where to, and how.
import { resolve } from "node:path";
import type { Destination, FetchPolicy } from "../../fetch/index.ts";
import { nameOf } from "../../fetch/options.ts";
import type { Pop3ClientOptions } from "../../index.ts";
import { hostText } from "../../net/authority.ts";
import { ACCOUNT_OPTIONS, accountFrom, accountFromWords } from "../account.ts";
import type { Subcommand } from "../command.ts";
import { defaultState } from "../default-state.ts";
import { withoutVariables } from "../environment.ts";
import type { Io } from "../io.ts";
import { SECRET_VARIABLES } from "../secret-variables.ts";
import { shellWord } from "../text.ts";
import { octetsOf, positionals, quoted, UsageError, wholeNumber, wordsOf } from "../usage.ts";
import { readConfiguration } from "./configuration.ts";
import { Destinations, placeNamed } from "./delivery-place.ts";
import { LEDGER_OPTIONS, sameLedger } from "./ledger-place.ts";

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
  if (dryRun && watch) throw new UsageError("--dry-run and --watch cannot be combined");
  const task = await (values.config === undefined
    ? fromWords(words, values, io)
    : fromFile(words, values, io));
  return { ...task, flags: { watch, force, dryRun, json, quiet } };
}

async function fromWords(words: readonly string[], values: Values, io: Io): Promise<Task> {
  const [url = ""] = positionals(words, ["URL"]);
  if ((values.to === undefined || values.to === "") && values["dry-run"] !== true)
    throw new UsageError("--to is missing: it must name the destination of the mail");
  const account = await accountFromWords(url, values, io);
  if (account.auth === undefined)
    throw new UsageError(`the URL must name a user, as in pop3s://USER@${hostText(account.host)}`);
  // A dry run does not use the destination.
  const place = placeNamed(values.to ?? ".", values.format);
  const state = values.state ?? defaultState(io.env);
  const env = withoutVariables(io.env, SECRET_VARIABLES);
  const destination = new Destinations({ pathOf: (path) => resolve(path), env, state, io }).at(place);
  return {
    targets: [{ account, mailbox: nameOf(account), destination, policy: policyOf(values) }],
    state,
    sameLedger: sameLedger(values),
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
  "login",
  "ca",
  "mechanism",
  "proxy",
] as const;

async function fromFile(words: readonly string[], values: Values, io: Io): Promise<Task> {
  positionals(words, []);
  for (const name of IN_FILE)
    if (values[name] !== undefined)
      throw new UsageError(`--${name} cannot be combined with --config: set it in the file`);
  const configuration = await readConfiguration(values.config ?? "");
  const { accounts, secrets, maxSessions, maxPerHost, pathOf } = configuration;
  const env = withoutVariables(io.env, secrets);
  const state = values.state ?? pathOf(configuration.state);
  const destinations = new Destinations({ pathOf, env, state, io });
  const targets = await Promise.all(
    accounts.map(async ({ name, source, to, policy }): Promise<Target> => {
      const ca = source.ca === undefined ? undefined : pathOf(source.ca);
      const account = await accountFrom({ ...source, ca }, io, env);
      return {
        account,
        mailbox: name ?? nameOf(account),
        destination: destinations.at(to),
        policy: { ...policy, ...dryRunOf(values), limits: { ...policy.limits, ...limitOf(values).limits } },
      };
    }),
  );
  const same = sameLedger(values);
  return {
    targets,
    state,
    sameLedger: same,
    retryWords: same,
    maxSessions,
    maxPerHost,
  };
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
