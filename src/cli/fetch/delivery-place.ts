// The destinations that a command line or a configuration file can name, each kind by its key.
import type { Destination, DestinationCheck } from "../../fetch/index.ts";
import type { JsonPath } from "../json-lines.ts";
import { passwordIn } from "../account.ts";
import { TO_PASSWORD } from "../secret-variables.ts";
import { UsageError } from "../usage-error.ts";
import { quoted } from "../usage.ts";
import type { Fields } from "./fields.ts";
import { eml, maildir, mbox } from "./places/files.ts";
import { gmail, type GmailPlace } from "./places/gmail.ts";
import { imap, type ImapPlace } from "./places/imap.ts";
import { lmtp, type LmtpPlace } from "./places/lmtp.ts";
import type { PlaceKind, PlaceScene } from "./places/place.ts";
import { command } from "./places/program.ts";
import { webhook, type WebhookPlace } from "./places/webhook.ts";

/** What the configuration says about a destination of each kind. */
interface Values {
  readonly maildir: string;
  readonly eml: string;
  readonly mbox: string;
  readonly command: readonly string[];
  readonly webhook: WebhookPlace;
  readonly imap: ImapPlace;
  readonly gmail: GmailPlace;
  readonly lmtp: LmtpPlace;
}

type KindName = keyof Values;

const KINDS: { readonly [N in KindName]: PlaceKind<Values[N]> } = {
  maildir,
  eml,
  mbox,
  command,
  webhook,
  imap,
  gmail,
  lmtp,
};

/** A destination: exactly one key, as in the configuration file. */
export type DeliveryPlace = { readonly [N in KindName]: Pick<Values, N> }[KindName];

/** The keys of the configuration file that name a destination. */
export const PLACES: readonly KindName[] = Object.keys(KINDS) as KindName[];

/** Reads the value of `to` in a configuration file. Throws `ConfigurationError`. */
export function readPlace(path: JsonPath, value: unknown, fields: Fields): DeliveryPlace {
  if (typeof value === "string")
    throw fields.wrong(
      path,
      'must be an object, such as { "maildir": "Mail" } or { "gmail": "ann@gmail.com" }',
    );
  const table = fields.table(path, value, PLACES);
  const [name, ...more] = Object.keys(table) as KindName[];
  if (name === undefined || more.length > 0)
    throw fields.wrong(path, `must have exactly one of the keys ${PLACES.join(", ")}`);
  return { [name]: KINDS[name].read(`${path}.${name}`, table[name], fields) } as DeliveryPlace;
}

/** The words of a command line that name a destination. */
interface ToWords {
  readonly to: string;
  readonly format?: string | undefined;
  readonly "to-login"?: string | undefined;
  readonly "to-password-command"?: string | undefined;
  readonly "to-password-file"?: string | undefined;
  readonly "to-token-command"?: string | undefined;
}

const TO_SECRET_WORDS = ["to-login", "to-password-command", "to-password-file", "to-token-command"] as const;

/** The kinds that `--format` can name. */
const FORMATS: readonly KindName[] = ["maildir", "eml", "mbox", "webhook"];

/** The kind of what begins with a scheme, such as `https:`. */
const BY_SCHEME: ReadonlyMap<string, KindName> = new Map([
  ["https", "webhook"],
  ["http", "webhook"],
  ["imaps", "imap"],
  ["imap", "imap"],
  ["gmail", "gmail"],
  ["lmtp", "lmtp"],
  ["smtps", "lmtp"],
  ["smtp", "lmtp"],
]);

/** Finds the destination that `--to` names. Throws {@link UsageError} if there is no such kind, or a password. */
export function placeNamed({ to, format, ...words }: ToWords): DeliveryPlace {
  if (passwordIn(to))
    throw new UsageError(
      `--to must not contain a password, because other users of this machine can read it. Set ${TO_PASSWORD} instead`,
    );
  const name = format === undefined ? kindNamed(to) : FORMATS.find((each) => each === format);
  if (name === undefined)
    throw new UsageError(`--format must be maildir, eml, mbox or webhook (got ${quoted(format ?? "")})`);
  const given = TO_SECRET_WORDS.find((word) => words[word] !== undefined);
  const secret = {
    login: words["to-login"],
    passwordCommand: words["to-password-command"],
    passwordFile: words["to-password-file"],
    tokenCommand: words["to-token-command"],
  };
  const kind = KINDS[name] as PlaceKind<unknown>;
  if (given !== undefined && kind.takesSecret !== true)
    throw new UsageError(`--${given} cannot be used with this destination: it does not sign in. Remove it`);
  return { [name]: kind.named?.(to, secret) } as unknown as DeliveryPlace;
}

function kindNamed(to: string): KindName {
  // A single letter is a drive of Windows.
  const [, scheme] = /^([a-z][a-z0-9+.-]+):/i.exec(to) ?? [];
  if (scheme === undefined) return "maildir";
  const name = BY_SCHEME.get(scheme.toLowerCase());
  if (name !== undefined) return name;
  const hint = to.includes("://") ? "" : ": for a path with a colon, write ./ before it";
  throw new UsageError(
    `--to must be a path, or begin with gmail:, imaps://, lmtp:// or https:// (got ${quoted(to)})${hint}`,
  );
}

/** The kind of a place, and what it says about this one. The two fit each other: they have the same key. */
function kindOf(place: DeliveryPlace): readonly [kind: PlaceKind<unknown>, value: unknown] {
  const [[name, value] = []] = Object.entries(place) as [KindName, unknown][];
  return [KINDS[name as KindName], value];
}

/** Returns the environment variables with secrets that a place names. */
export function variablesOf(place: DeliveryPlace): readonly string[] {
  const [kind, value] = kindOf(place);
  return (kind.variables?.(value) ?? []).filter((name) => name !== undefined);
}

/** Says which destination it is, for people. */
export function shownPlace(place: DeliveryPlace): string {
  const [kind, value] = kindOf(place);
  return kind.shown(value);
}

/** Creates the destinations of a run. Those that connect to a server are created once for the same settings. */
export class Destinations {
  readonly #scene: PlaceScene;
  readonly #shared: Map<string, Destination> = new Map();

  constructor(scene: PlaceScene) {
    this.#scene = scene;
  }

  /** The directory of the ledger. */
  get state(): string {
    return this.#scene.state;
  }

  /** Throws `ConfigurationError` if a secret is missing, and `POP3_CONFIG` if an option is invalid. */
  at(place: DeliveryPlace): Destination {
    const [kind, value] = kindOf(place);
    const key = JSON.stringify(place);
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const destination = kind.create(value, this.#scene);
    if (kind.shared === true) this.#shared.set(key, destination);
    return destination;
  }

  /** Tries a destination, and delivers nothing. Rejects as {@link at} throws. */
  async check(place: DeliveryPlace): Promise<DestinationCheck> {
    const [kind, value] = kindOf(place);
    return kind.check(value, this.#scene);
  }
}
