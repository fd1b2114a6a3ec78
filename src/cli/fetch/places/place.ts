// What the command line knows about a kind of destination: how it is configured, and how it is created.
import type { Destination } from "../../../fetch/index.ts";
import type { Io } from "../../io.ts";
import type { JsonPath } from "../../json-lines.ts";
import type { Fields } from "../fields.ts";

/** A kind of destination. `T`: what the configuration says about one, without secrets. */
export interface PlaceKind<T> {
  /** Reads the value of its key in the configuration file. Throws `ConfigurationError`. */
  read(path: JsonPath, value: unknown, fields: Fields): T;
  /** The environment variables with secrets that it names, in addition to the usual ones. */
  variables?(place: T): readonly (string | undefined)[];
  /** Says which destination it is, for people. */
  shown(place: T): string;
  /**
   * Creates the destination. It connects when it is used. Throws `ConfigurationError` if a secret is missing, and
   * `POP3_CONFIG` if an option is invalid.
   */
  create(place: T, scene: PlaceScene): Destination;
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
