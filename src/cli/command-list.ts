// All commands of the command line, and the help text that lists them.
import { check } from "./check/check.ts";
import type { Subcommand } from "./command.ts";
import { completionOf } from "./commands/completion.ts";
import { get } from "./commands/get.ts";
import { ledger } from "./commands/ledger.ts";
import { list } from "./commands/list.ts";
import { serve } from "./commands/serve.ts";
import { show } from "./commands/show.ts";
import { fetch } from "./fetch/fetch.ts";
import { retry } from "./fetch/retry.ts";
import type { Help, HelpRow } from "./help.ts";
import { login } from "./login/login.ts";

export const COMMANDS: readonly Subcommand[] = [
  check,
  list,
  show,
  get,
  fetch,
  retry,
  ledger,
  login,
  serve,
  completionOf(() => COMMANDS),
];

/** What the program is, in paragraphs. */
export const PURPOSE: readonly string[] = [
  "A POP3 client for the command line: it checks accounts, lists and shows messages, and fetches new mail, each message once.",
  "Results are written to standard output, everything else to standard error. Only fetch --delete changes anything on the server.",
];

/** The environment variables that commands read. */
export const ENVIRONMENT: readonly HelpRow[] = [
  ["POPWRIGHT_PASSWORD", "the password of the account; of the account that serve creates"],
  ["POPWRIGHT_TOKEN", "an OAuth2 access token, in place of the password"],
  ["POPWRIGHT_TO_PASSWORD", "the password of the destination; POPWRIGHT_TO_TOKEN: its access token"],
  ["POPWRIGHT_WEBHOOK_SECRET", "the secrets that sign each request of a webhook, separated by spaces"],
  ["POPWRIGHT_PROXY", "the URL of a proxy, if --proxy is not given; it may have a password"],
  ["POPWRIGHT_CLIENT_ID", "the client of login; POPWRIGHT_CLIENT_SECRET: its secret"],
  ["XDG_STATE_HOME", "the directory above the one of the ledger (default: ~/.local/state)"],
  ["NO_COLOR", "turns colours off, with any value"],
  ["DEBUG", "popwright:* logs the session to standard error, without secrets"],
];

/** The files that commands keep. */
export const FILES: readonly HelpRow[] = [
  ["~/.local/state/popwright", "the ledger, if --state or --config does not name another directory"],
  ["~/.local/state/popwright/sign-ins", "the sign-ins of login, which only you can read"],
];

/** What `popwright --help` prints. */
export const HELP: Help = {
  usage: ["popwright COMMAND [arguments]"],
  sections: [
    { text: PURPOSE },
    { title: "Commands", rows: COMMANDS.map(({ name, summary }) => [name, summary]) },
    { title: "Environment", rows: ENVIRONMENT },
    { text: ["Run `popwright COMMAND --help` for usage. `popwright version` prints the version."] },
  ],
};
