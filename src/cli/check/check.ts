// `popwright check`: tries accounts and destinations step by step, changes nothing, and explains a failure.
import { open } from "node:fs/promises";
import { isRefusedSignIn } from "../../fetch/destinations/refused-sign-in.ts";
import { Pop3Client, type Pop3ClientOptions } from "../../index.ts";
import { ACCOUNT_OPTIONS, accountFromWords, attemptOf, withKnownSecret } from "../account.ts";
import { ACCOUNT_HELP, type Subcommand } from "../command.ts";
import { EXIT, exitCodeOf, type ExitCode } from "../exit-codes.ts";
import { examples, exitCodes } from "../help.ts";
import { configured } from "../fetch/configured.ts";
import { placeNamed, type DeliveryPlace, type Destinations } from "../fetch/delivery-place.ts";
import { LEDGER_OPTIONS } from "../fetch/ledger-place.ts";
import { destinationsHere, PLACE_HELP, TO_HELP, TO_OPTIONS } from "../fetch/to-options.ts";
import { isInterrupted, type Io } from "../io.ts";
import { writeJson } from "../json.ts";
import { UsageError } from "../usage-error.ts";
import { positionals, wordsOf } from "../usage.ts";
import { Waiting } from "../waiting.ts";
import { DestinationTrials, type DestinationResult } from "./destination-trial.ts";
import { examine, type Step } from "../../advice/examination.ts";
import { Recording } from "./recording.ts";
import { destinationLines, stepLines, summary } from "./results.ts";

const OPTIONS = {
  ...ACCOUNT_OPTIONS,
  ...LEDGER_OPTIONS,
  ...TO_OPTIONS,
  json: { type: "boolean" },
  record: { type: "string" },
  pipelining: { type: "boolean" },
} as const;

type Values = ReturnType<typeof wordsOf<typeof OPTIONS>>["values"];

/** What is tried together: an account, its destination, or both. */
interface Trial {
  /** The name of the mailbox, if there are several. */
  readonly mailbox?: string;
  readonly account?: Pop3ClientOptions | undefined;
  readonly to?: DeliveryPlace | undefined;
}

export const check: Subcommand = {
  name: "check",
  summary: "checks a server, an account and a destination, and explains what is wrong",
  options: OPTIONS,
  help: {
    usage: [
      "popwright check URL [--to PLACE] [--pipelining] [--json] [--record FILE]",
      "popwright check --to PLACE",
      "popwright check --config FILE",
    ],
    sections: [
      {
        text: [
          "Runs one session that changes nothing: TLS, greeting, capabilities, login, content of the mailbox. Without USER it does not log in. With --to it tries the destination as well: it signs in there, looks at folders and quota, and delivers nothing. If a step fails, it explains what that means and what to do about it.",
        ],
        rows: [
          ...TO_HELP,
          ["--state DIR", "the directory of the ledger, which also has the state of destinations"],
          ["--config FILE", "tries all accounts of a configuration file, and their destinations"],
          [
            "--pipelining",
            "retrieves a few small messages together, to test whether the server answers in order; the server may mark them as read",
          ],
          [
            "--json",
            "prints all results as one JSON object; with --config one for each account, one per line",
          ],
          [
            "--record FILE",
            "writes the session to a new file, as a transcript without secrets, for a bug report and for Pop3Server.replay(); it contains the user name",
          ],
        ],
      },
      PLACE_HELP,
      ...ACCOUNT_HELP,
      exitCodes(
        ["0", "all is well"],
        ["1", "accounts of a file failed in different ways"],
        ["64", "usage"],
        ["69", "server unavailable"],
        ["73", "destination"],
        ["75", "try again later"],
        ["77", "authentication"],
        ["78", "configuration"],
      ),
      examples(
        "popwright check pop3s://pop.example.com",
        'popwright check pop3s://ann@pop.example.com --password-command "pass show mail"',
        "popwright check pop3s://ann@pop.example.com --to gmail:ann@gmail.com",
      ),
    ],
  },
  async run(args, io) {
    const { values, positionals: words } = wordsOf(args, OPTIONS);
    const { trials, destinations } = await readTrials(words, values, io);
    const tried = new DestinationTrials(destinations);
    const codes: ExitCode[] = [];
    for (const { mailbox, account, to } of trials) {
      const say = (text: string): Promise<void> =>
        values.json === true ? Promise.resolve() : io.stdout.write(text);
      if (mailbox !== undefined) await say(`${codes.length === 0 ? "" : "\n"}${mailbox}\n`);
      const steps = account === undefined ? [] : await trySession(account, values, say, io);
      const destination = to === undefined ? undefined : await tried.of(to);
      if (destination !== undefined) await say(destinationLines(destination, io));
      if (values.json === true)
        await writeJson(io, summary({ mailbox, steps, attempt: account && attemptOf(account), destination }));
      codes.push(exitCode(steps, destination));
    }
    const [code = EXIT.ok] = codes;
    return codes.every((each) => each === code) ? code : EXIT.some;
  },
};

/** Reads what is to be tried. Rejects with {@link UsageError}, or with the error of the file. */
async function readTrials(
  words: readonly string[],
  values: Values,
  io: Io,
): Promise<{ readonly trials: readonly Trial[]; readonly destinations: Destinations }> {
  if (values.config !== undefined) {
    positionals(words, []);
    if (values.record !== undefined)
      throw new UsageError("--record cannot be combined with --config: name one account by its URL");
    const { mailboxes, destinations } = await configured(values, io);
    return { trials: mailboxes, destinations };
  }
  const to = values.to === undefined ? undefined : placeNamed({ ...values, to: values.to });
  const [url] = words.length === 0 && to !== undefined ? [] : positionals(words, ["URL"]);
  const account = url === undefined ? undefined : accountFromWords(url, values, io);
  if (account === undefined && values.record !== undefined)
    throw new UsageError("--record needs a URL: it records the session with that server");
  return { trials: [{ account, to }], destinations: destinationsHere(values.state, io) };
}

/** Runs a session, prints its steps as they end, and records it if `--record` says so. */
async function trySession(
  options: Pop3ClientOptions,
  values: Values,
  say: (text: string) => Promise<void>,
  io: Io,
): Promise<readonly Step[]> {
  // Before the session: a name that exists already is found at once.
  await using file = values.record === undefined ? undefined : await open(values.record, "wx", 0o600);
  const account = await withKnownSecret(options);
  const attempt = attemptOf(account);
  const steps: Step[] = [];
  using recording = file === undefined ? undefined : new Recording(attempt.secure === true, io.secrets);
  using _waiting = new Waiting(attempt, io);
  const { auth, ...server } = account;
  const client = new Pop3Client(server);
  const { host, secure = true, port = secure ? 995 : 110 } = server;
  const { secrets, stop: signal } = io;
  const retrieve = values.pipelining === true;
  for await (const step of examine({
    client,
    server: { host, port, secure },
    auth,
    secrets,
    signal,
    retrieve,
  })) {
    steps.push(step);
    if (!isInterrupted(io)) await say(stepLines(step, attempt, io));
  }
  if (recording !== undefined) await file?.writeFile(recording.end(steps.at(-1)?.name !== "end"));
  return steps;
}

/** If both failed, the account counts: its failure is the first that the user sees. */
function exitCode(steps: readonly Step[], destination: DestinationResult | undefined): ExitCode {
  const failed = steps.find(({ error }) => error !== undefined);
  if (failed !== undefined) return exitCodeOf(failed.error);
  if (destination?.error !== undefined) return exitCodeOf(destination.error);
  if (destination?.ok !== false) return EXIT.ok;
  return destination.steps.some(isRefusedSignIn) ? EXIT.authentication : EXIT.destination;
}
