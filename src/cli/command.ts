// The interface of a command of the command line, and the part of the help that all commands with a URL share.
import type { ParseArgsConfig } from "node:util";
import type { ExitCode } from "./exit-codes.ts";
import type { Help, HelpSection } from "./help.ts";
import type { Io } from "./io.ts";

export interface Subcommand {
  readonly name: string;
  /** One line for the list of all commands. */
  readonly summary: string;
  readonly help: Help;
  /** The options of the command, as `parseArgs` takes them. */
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  /** Runs the command. Rejects if it fails: the caller then prints the error and chooses the exit code. */
  run(args: readonly string[], io: Io): Promise<ExitCode>;
}

/** The part of each help text about URLs, secrets and connections. */
export const ACCOUNT_HELP: readonly HelpSection[] = [
  {
    title: "URL",
    text: ["Percent-encode special characters in USER: ann%40example.com"],
    rows: [
      ["pop3s://USER@HOST[:PORT]", "TLS from the first byte (port 995)"],
      ["pop3://USER@HOST[:PORT]", "STLS, required (port 110); ?stls=never turns TLS off"],
    ],
  },
  {
    title: "Secret",
    text: ["The secret is never part of the command line. The first of these that is there is used:"],
    rows: [
      [
        "--login PROVIDER",
        'a sign-in of "popwright login": google or microsoft, or microsoft:ADDRESS if USER is another mailbox',
      ],
      ["--token-command CMD", "the first line that CMD prints is an OAuth2 access token"],
      ["--password-command CMD", "the first line that CMD prints is the password"],
      ["--password-file FILE", 'the first line of FILE is the password; "-" is standard input'],
      ["POPWRIGHT_TOKEN", "the environment: an OAuth2 access token"],
      ["POPWRIGHT_PASSWORD", "the environment: the password"],
      ["the terminal", "a prompt, if the command runs in a terminal"],
    ],
  },
  {
    title: "Connection",
    rows: [
      ["--ca FILE", "trusts the certificates (PEM) in FILE instead of the usual ones"],
      ["--mechanism NAME", "uses only this login method: PLAIN, SCRAM-SHA-256, USER, XOAUTH2 ..."],
      [
        "--proxy URL",
        "connects through a proxy: http://HOST:PORT, https://, socks5:// or socks4a://. If the URL has a password, set POPWRIGHT_PROXY to it instead",
      ],
    ],
  },
];
