// `popwright check`: runs one session step by step, and explains a failure.
import { writeFile } from "node:fs/promises";
import { ACCOUNT_OPTIONS, accountFromWords, attemptOf, withKnownSecret } from "../account.ts";
import { ACCOUNT_HELP, type Subcommand } from "../command.ts";
import { examine, type Step } from "./examination.ts";
import { EXIT, exitCodeOf, type ExitCode } from "../exit-codes.ts";
import { explain, meaning, type Attempt } from "../explain.ts";
import type { Io } from "../io.ts";
import { writeJson } from "../json.ts";
import { Recording } from "./recording.ts";
import { wrapped } from "../text.ts";
import { positionals, wordsOf } from "../usage.ts";
import { Waiting } from "../waiting.ts";

const OPTIONS = {
  ...ACCOUNT_OPTIONS,
  json: { type: "boolean" },
  record: { type: "string" },
  pipelining: { type: "boolean" },
} as const;

export const check: Subcommand = {
  name: "check",
  summary: "checks a server and an account, and explains what is wrong",
  options: OPTIONS,
  help: `popwright check URL [--pipelining] [--json] [--record FILE]

Runs one session that changes nothing: TLS, greeting, capabilities, login, content of the maildrop. Without
USER it does not log in. If a step fails, it explains what that means and what to do about it.

  --pipelining       retrieves a few small messages together, to test whether the server answers in order;
                     the server may mark them as read
  --json             prints all results as one JSON object
  --record FILE      writes the session to a new file, as a transcript without secrets, for a bug report and
                     for Pop3Server.replay(); it contains the user name

${ACCOUNT_HELP}
Examples
  popwright check pop3s://pop.example.com
  popwright check pop3s://ann@pop.example.com --password-command "pass show mail"
`,
  async run(args, io) {
    const { values, positionals: words } = wordsOf(args, OPTIONS);
    const [url = ""] = positionals(words, ["URL"]);
    const account = await withKnownSecret(await accountFromWords(url, values, io));
    const attempt = attemptOf(account);
    const steps: Step[] = [];
    using recording =
      values.record === undefined ? undefined : new Recording(attempt.secure === true, io.secrets);
    using _waiting = new Waiting(attempt, io);
    for await (const step of examine(account, io, { retrieve: values.pipelining === true })) {
      steps.push(step);
      if (values.json !== true) await io.stdout.write(linesOf(step, attempt, io));
    }
    if (recording !== undefined && values.record !== undefined)
      await writeFile(values.record, recording.end(steps.at(-1)?.name !== "end"), {
        flag: "wx",
        mode: 0o600,
      });
    if (values.json === true) await writeJson(io, summary(steps, attempt));
    return exitCode(steps);
  },
};

/** Both marks have the same width, so that the results are aligned. */
const MARKS = { well: "ok  ", ill: "FAIL" };
const INDENT = 20;

function linesOf({ name, text, notes, error }: Step, attempt: Attempt, { stdout }: Io): string {
  const head = `${error === undefined ? MARKS.well : MARKS.ill}  ${name.padEnd(INDENT - 6)}`;
  const [first = "", ...more] =
    error === undefined ? [text, ...notes] : [...explain(error, attempt), ...notes];
  const lines = [first, ...more].map((line) => wrapped(line, INDENT, stdout.columns));
  return `${head}${lines.join(`\n${" ".repeat(INDENT)}`)}\n`;
}

function summary(steps: readonly Step[], attempt: Attempt): unknown {
  const { host, port, user } = attempt;
  return {
    ok: steps.every(({ error }) => error === undefined),
    host,
    port,
    user,
    ...Object.assign({}, ...steps.map(({ facts }) => facts)),
    steps: steps.map(({ name, text, notes, error }) => {
      if (error === undefined) return { step: name, ok: true, text, notes };
      const known = meaning(error);
      const means =
        known === undefined ? undefined : { id: known.id, kind: known.kind, passes: known.passes };
      return {
        step: name,
        ok: false,
        text: error.message,
        notes: [...explain(error, attempt).slice(1), ...notes],
        error,
        means,
      };
    }),
  };
}

function exitCode(steps: readonly Step[]): ExitCode {
  const failed = steps.find(({ error }) => error !== undefined);
  return failed === undefined ? EXIT.ok : exitCodeOf(failed.error);
}
