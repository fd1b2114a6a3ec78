// The options of a command line that name a destination.
import { resolve } from "node:path";
import { defaultState } from "../default-state.ts";
import { withoutVariables } from "../environment.ts";
import type { HelpRow, HelpSection } from "../help.ts";
import { homePath } from "../home-path.ts";
import type { Io } from "../io.ts";
import { SECRET_VARIABLES } from "../secret-variables.ts";
import { Destinations } from "./delivery-place.ts";

/** The options, as `parseArgs` takes them. */
export const TO_OPTIONS = {
  to: { type: "string" },
  format: { type: "string" },
  "to-login": { type: "string" },
  "to-password-command": { type: "string" },
  "to-password-file": { type: "string" },
  "to-token-command": { type: "string" },
} as const;

/** The rows of the help text about these options. */
export const TO_HELP: readonly HelpRow[] = [
  ["--to PLACE", "the destination of the mail: see PLACE"],
  ["--format FORMAT", "of a PATH: maildir (the default), eml (a folder of files) or mbox (one file, mboxrd)"],
  [
    "--to-login PROVIDER",
    'signs in at the IMAP server with a sign-in of "popwright login": google or microsoft',
  ],
  [
    "--to-password-command CMD",
    "the first line that CMD prints is the password of the destination. Or set POPWRIGHT_TO_PASSWORD; for a webhook POPWRIGHT_WEBHOOK_SECRET, with which each request is signed",
  ],
  ["--to-password-file FILE", "the first line of FILE is the password of the destination"],
  [
    "--to-token-command CMD",
    "the first line that CMD prints is the access token of the destination. Or set POPWRIGHT_TO_TOKEN",
  ],
];

export const PLACE_HELP: HelpSection = {
  title: "PLACE",
  rows: [
    ["PATH", "a Maildir, or what --format says"],
    ["gmail:ADDRESS", 'a Gmail account, by the Gmail API. Sign in first: see "popwright help login"'],
    ["imaps://USER@HOST/FOLDER", "a folder of an IMAP server"],
    [
      "lmtp://HOST:PORT/RECIPIENT",
      "a mail server; also lmtp:/SOCKET?recipient=ADDRESS, smtp://HOST/RECIPIENT, smtps://USER@HOST/RECIPIENT",
    ],
    ["https://HOST/PATH", "a webhook: a POST for each message"],
  ],
};

/** Creates the destinations of a command line. `state`: the directory of the ledger. */
export function destinationsHere(state: string | undefined, io: Io): Destinations {
  return new Destinations({
    pathOf: (path) => resolve(homePath(path)),
    env: withoutVariables(io.env, SECRET_VARIABLES),
    state: state ?? defaultState(io.env),
    io,
  });
}
