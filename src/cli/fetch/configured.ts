// Reads the accounts and destinations of a configuration file, for the commands that work with all of them.
import type { FetchPolicy } from "../../fetch/index.ts";
import { nameOf } from "../../fetch/options.ts";
import type { Pop3ClientOptions } from "../../index.ts";
import { accountFrom } from "../account.ts";
import { withoutVariables } from "../environment.ts";
import type { Io } from "../io.ts";
import { UsageError } from "../usage-error.ts";
import { readConfiguration } from "./configuration.ts";
import { Destinations, type DeliveryPlace } from "./delivery-place.ts";

/** A mailbox of the file: its account, its name in the ledger, its destination and its policy. */
interface ConfiguredMailbox {
  readonly account: Pop3ClientOptions;
  readonly mailbox: string;
  readonly to: DeliveryPlace;
  readonly policy: FetchPolicy;
}

export interface Configured {
  readonly mailboxes: readonly ConfiguredMailbox[];
  readonly destinations: Destinations;
  /** The directory of the ledger. */
  readonly state: string;
  readonly maxSessions: number | undefined;
  readonly maxPerHost: number | undefined;
}

/** The options that cannot be combined with `--config`: the file sets them for each account. */
const IN_FILE = [
  "to",
  "format",
  "to-login",
  "to-password-command",
  "to-password-file",
  "to-token-command",
  "delete",
  "max-size",
  "first-run",
  "password-command",
  "password-file",
  "token-command",
  "login",
  "ca",
  "mechanism",
  "proxy",
] as const;

type Values = Readonly<Partial<Record<(typeof IN_FILE)[number], unknown>>> & {
  readonly config?: string | undefined;
  readonly state?: string | undefined;
};

/**
 * Reads the file of `--config`. Rejects with {@link UsageError} if an option is given that belongs into the file, and with
 * `ConfigurationError` if the file is wrong.
 */
export async function configured(values: Values, io: Io): Promise<Configured> {
  for (const name of IN_FILE)
    if (values[name] !== undefined)
      throw new UsageError(`--${name} cannot be combined with --config: set it in the file`);
  const configuration = await readConfiguration(values.config ?? "");
  const { accounts, secrets, maxSessions, maxPerHost, pathOf } = configuration;
  const env = withoutVariables(io.env, secrets);
  const state = values.state ?? pathOf(configuration.state);
  const mailboxes = accounts.map(({ name, source, to, policy }) => {
    const ca = source.ca === undefined ? undefined : pathOf(source.ca);
    const { file } = source.password;
    const password = { ...source.password, file: file === undefined ? undefined : pathOf(file) };
    const account = accountFrom({ ...source, ca, password }, io, env);
    return { account, mailbox: name ?? nameOf(account), to, policy };
  });
  return {
    mailboxes,
    destinations: new Destinations({ pathOf, env, state, io }),
    state,
    maxSessions,
    maxPerHost,
  };
}
