// What a command of the command line is: its words, its help, and what it does.
import type { ParseArgsConfig } from "node:util";
import type { ExitCode } from "./exit-codes.ts";
import type { Io } from "./io.ts";

export interface Subcommand {
  readonly name: string;
  /** One line, for the list of all commands. */
  readonly summary: string;
  readonly help: string;
  /** The options that it takes. */
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  /** Does it. Throws what it cannot do; the words of that and the exit code are made elsewhere. */
  run(args: readonly string[], io: Io): Promise<ExitCode>;
}

/** The part of each help that tells of accounts. */
export const ACCOUNT_HELP = `URL
  pop3s://USER@HOST[:PORT]     TLS from the first octet (port 995)
  pop3://USER@HOST[:PORT]      STLS, required (port 110); ?stls=never for none at all
  What is special in USER is percent-encoded: ann%40example.com

The secret is never a part of the command line. It is taken from
  POPWRIGHT_PASSWORD, POPWRIGHT_TOKEN   the environment (an OAuth2 access token in the second)
  --password-command CMD                the first line that CMD prints; --token-command for a token
  the terminal                          where there is one: it asks

  --ca FILE          certificates (PEM) to trust in place of the usual ones
  --mechanism NAME   insists on one way to log in: PLAIN, SCRAM-SHA-256, USER, XOAUTH2 ...
`;
