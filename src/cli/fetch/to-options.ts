// The options of a command line that name a destination.
import { resolve } from "node:path";
import { defaultState } from "../default-state.ts";
import { withoutVariables } from "../environment.ts";
import type { Io } from "../io.ts";
import { SECRET_VARIABLES } from "../secret-variables.ts";
import { Destinations } from "./delivery-place.ts";

/** The options, as `parseArgs` takes them. */
export const TO_OPTIONS = {
  to: { type: "string" },
  format: { type: "string" },
  "to-login": { type: "string" },
  "to-password-command": { type: "string" },
  "to-token-command": { type: "string" },
} as const;

/** The part of the help text about these options. */
export const TO_HELP = `  --to PLACE         the destination of the mail, one of
                       PATH                    a Maildir, or as --format says
                       https://HOST/PATH       a webhook: a POST for each message, signed with
                                               POPWRIGHT_WEBHOOK_SECRET
  --format FORMAT    of a PATH: maildir (the default), eml (a folder of files) or mbox (one file, mboxrd)`;

/** Creates the destinations of a command line. `state`: the directory of the ledger. */
export function destinationsHere(state: string | undefined, io: Io): Destinations {
  return new Destinations({
    pathOf: (path) => resolve(path),
    env: withoutVariables(io.env, SECRET_VARIABLES),
    state: state ?? defaultState(io.env),
    io,
  });
}
