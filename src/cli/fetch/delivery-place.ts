// Creates the destination that a command line or a configuration file names.
import { PASSWORD, TOKEN } from "../account.ts";
import { withoutVariables } from "../environment.ts";
import { Command, EmlFolder, Maildir, Mbox, Webhook, type Destination } from "../../fetch/index.ts";
import { printable } from "../../protocol/printable.ts";
import { keepSecret, type Io } from "../io.ts";
import { ConfigurationError } from "../usage.ts";

/** A destination: exactly one of these properties is set. */
export interface DeliveryPlace {
  readonly maildir?: string;
  readonly eml?: string;
  readonly mbox?: string;
  /** A program and its arguments. It gets each message on its standard input. */
  readonly command?: readonly string[];
  readonly webhook?: WebhookPlace;
}

/** A web server. Its secrets are in an environment variable. */
export interface WebhookPlace {
  readonly url: string;
  readonly secretEnv?: string | undefined;
  readonly format?: "raw" | "json" | undefined;
  readonly allowPrivate?: boolean | undefined;
}

/** The environment variable with the secrets of a webhook, separated by spaces. */
export const WEBHOOK_SECRET = "POPWRIGHT_WEBHOOK_SECRET";

export const PLACES: readonly (keyof DeliveryPlace)[] = ["maildir", "eml", "mbox", "command", "webhook"];

/**
 * Creates the destination. A program gets the environment `env` without the variables that contain our
 * secrets. Throws {@link ConfigurationError} if the secret of a webhook is not in the environment, and
 * `POP3_CONFIG` if an option is invalid.
 */
export function destinationAt(
  place: DeliveryPlace,
  pathOf: (path: string) => string,
  env: NodeJS.ProcessEnv,
  io: Io,
): Destination {
  if (place.maildir !== undefined) return new Maildir(pathOf(place.maildir));
  if (place.eml !== undefined) return new EmlFolder(pathOf(place.eml));
  if (place.mbox !== undefined) return new Mbox(pathOf(place.mbox));
  if (place.webhook !== undefined) return webhookAt(place.webhook, io);
  const [program = "", ...args] = place.command ?? [];
  return new Command(program, args, { env: withoutVariables(env, [PASSWORD, TOKEN, WEBHOOK_SECRET]) });
}

function webhookAt(
  { url, secretEnv = WEBHOOK_SECRET, format, allowPrivate }: WebhookPlace,
  io: Io,
): Destination {
  const secrets = (io.env[secretEnv] ?? "").split(" ").filter((secret) => secret !== "");
  if (secrets.length === 0)
    throw new ConfigurationError(
      `the secret of the webhook is missing: set ${printable(secretEnv)} to a value such as whsec_... (\`openssl rand -base64 32\` makes one)`,
    );
  for (const secret of secrets) keepSecret(secret, io);
  return new Webhook(url, {
    secrets,
    ...(format === undefined ? {} : { format }),
    ...(allowPrivate === undefined ? {} : { allowPrivate }),
  });
}
