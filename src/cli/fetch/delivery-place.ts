// Creates the destination that a command line or a configuration file names.
import { PASSWORD, TOKEN } from "../account.ts";
import { withoutVariables } from "../environment.ts";
import { Command, EmlFolder, Maildir, Mbox, type Destination } from "../../fetch/index.ts";

/** A destination: exactly one of these properties is set. */
export interface DeliveryPlace {
  readonly maildir?: string;
  readonly eml?: string;
  readonly mbox?: string;
  /** A program and its arguments. It gets each message on its standard input. */
  readonly command?: readonly string[];
}

export const PLACES: readonly (keyof DeliveryPlace)[] = ["maildir", "eml", "mbox", "command"];

/**
 * Creates the destination. A program gets the environment `env` without the variables that contain our
 * secrets.
 */
export function destinationAt(
  place: DeliveryPlace,
  pathOf: (path: string) => string,
  env: NodeJS.ProcessEnv,
): Destination {
  if (place.maildir !== undefined) return new Maildir(pathOf(place.maildir));
  if (place.eml !== undefined) return new EmlFolder(pathOf(place.eml));
  if (place.mbox !== undefined) return new Mbox(pathOf(place.mbox));
  const [program = "", ...args] = place.command ?? [];
  return new Command(program, args, { env: withoutVariables(env, [PASSWORD, TOKEN]) });
}
