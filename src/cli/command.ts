// The interface of a command of the command line, and the help text that all commands with a URL share.
import type { ParseArgsConfig } from "node:util";
import type { ExitCode } from "./exit-codes.ts";
import type { Io } from "./io.ts";

export interface Subcommand {
  readonly name: string;
  /** One line for the list of all commands. */
  readonly summary: string;
  readonly help: string;
  /** The options of the command, as `parseArgs` takes them. */
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  /** Runs the command. Rejects if it fails: the caller then prints the error and chooses the exit code. */
  run(args: readonly string[], io: Io): Promise<ExitCode>;
}

/** The part of each help text about URLs and secrets. */
export const ACCOUNT_HELP = `URL
  pop3s://USER@HOST[:PORT]     TLS from the first byte (port 995)
  pop3://USER@HOST[:PORT]      STLS, required (port 110); ?stls=never turns TLS off
  Percent-encode special characters in USER: ann%40example.com

The secret is never part of the command line. It comes from
  POPWRIGHT_PASSWORD, POPWRIGHT_TOKEN   the environment (POPWRIGHT_TOKEN: an OAuth2 access token)
  --password-command CMD                the first line that CMD prints; --token-command for a token
  --password-file FILE                  the first line of FILE; "-" is standard input
  --login PROVIDER                      a sign-in of "popwright login": google or microsoft, or
                                        microsoft:ADDRESS if USER is another mailbox
  the terminal                          a prompt, if the command runs in a terminal

  --ca FILE          trusts the certificates (PEM) in FILE instead of the usual ones
  --mechanism NAME   uses only this login method: PLAIN, SCRAM-SHA-256, USER, XOAUTH2 ...
  --proxy URL        connects through a proxy: http://HOST:PORT, https://, socks5:// or socks4a://; with a
                     password in it, set POPWRIGHT_PROXY to the URL instead
`;
