// What the command line knows about a kind of destination: how it is configured, and how it is created.
import type { Destination, DestinationCheck } from "../../../fetch/index.ts";
import type { Io } from "../../io.ts";
import type { JsonPath } from "../../json-lines.ts";
import type { Fields } from "../fields.ts";

/** A kind of destination. `T`: what the configuration says about one, without secrets. */
export interface PlaceKind<T> {
  /** Reads the value of its key in the configuration file. Throws `ConfigurationError`. */
  read(path: JsonPath, value: unknown, fields: Fields): T;
  /** Reads what `--to` says, if a command line can name this kind. Throws `UsageError`. */
  named?(to: string, secret: PlaceSecret): T;
  /** Whether it signs in at a server, so that `named` needs a secret. */
  readonly takesSecret?: boolean;
  /** The environment variables with secrets that it names, in addition to the usual ones. */
  variables?(place: T): readonly (string | undefined)[];
  /** Says which destination it is, for people. */
  shown(place: T): string;
  /**
   * Creates the destination. It connects when it is used. Throws `ConfigurationError` if a secret is missing, and
   * `POP3_CONFIG` if an option is invalid.
   */
  create(place: T, scene: PlaceScene): Destination;
  /** Tries whether it can take mail, and delivers nothing. Rejects as `create` throws. */
  check(place: T, scene: PlaceScene): Promise<DestinationCheck>;
  /** Whether all mailboxes with the same settings share one destination, such as one connection to a server. */
  readonly shared?: boolean;
}

/** Where and for whom a destination is created. */
export interface PlaceScene {
  /** Resolves a path: a relative path starts at the directory of the configuration file, or at the current one. */
  readonly pathOf: (path: string) => string;
  /** The environment of programs: without the variables that contain our secrets. */
  readonly env: NodeJS.ProcessEnv;
  /** The directory of the ledger. A destination may keep its own state in a directory below it. */
  readonly state: string;
  readonly io: Io;
}

/** Where the secret of a destination is. Without any of these it is in `POPWRIGHT_TO_TOKEN` or `POPWRIGHT_TO_PASSWORD`. */
export interface PlaceSecret {
  /** A sign-in of `popwright login`: `google`, or `google:ann@example.com`. */
  readonly login?: string | undefined;
  readonly passwordEnv?: string | undefined;
  readonly passwordCommand?: string | readonly string[] | undefined;
  /** The path of a file whose first line is the password. */
  readonly passwordFile?: string | undefined;
  readonly tokenEnv?: string | undefined;
  readonly tokenCommand?: string | readonly string[] | undefined;
}
