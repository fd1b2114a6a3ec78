// The options of an ImapAppend, and its URL: which server, which folder, as whom.
import type { ConnectionOptions } from "node:tls";
import { authority, hostFrom } from "../../../net/authority.ts";
import { ipVersionOf } from "../../../net/local-addresses.ts";
import {
  checkNames,
  checkNumber,
  checkObject,
  checkOneOf,
  checkText,
  configError,
  shown,
  withDefaults,
} from "../../../options/checks.ts";
import { checkTls } from "../../../options/tls.ts";
import type { Duration } from "../../../options/duration.ts";
import { printable } from "../../../protocol/printable.ts";

/** A password or an access token, or a function that returns it. The function is called for each connection. */
export type ImapSecret = string | (() => string | Promise<string>);

/** How an {@link ImapAppend} signs in. */
export type ImapAuth =
  | {
      /** The password, or an app password. */
      readonly password: ImapSecret;
    }
  | {
      /** An access token for OAuth 2.0. */
      readonly accessToken: ImapSecret;
    };

/** The options of an {@link ImapAppend}. */
export interface ImapAppendOptions {
  /**
   * A directory for the journal of this destination, which is created if it is missing. It says which messages are in
   * the folder. Keep it as long as the ledger: with another directory, messages may come twice after a crash.
   */
  readonly state: string;
  /** The password, or an access token for OAuth 2.0 (XOAUTH2 or OAUTHBEARER). */
  readonly auth: ImapAuth;
  /** Options for `tls.connect`, such as `ca` and `servername`. @default the certificates that Node trusts */
  readonly tls?: ConnectionOptions;
  /**
   * For `imap://` URLs: `"required"` begins TLS with STARTTLS, and fails if the server has none. `"never"` sends the
   * password and all mail in clear text.
   * @default "required"; `"never"` for `localhost`, 127.0.0.0/8 and ::1
   */
  readonly starttls?: "required" | "never";
  /** Flags and keywords of each message, such as `\Seen` and `$Imported`. @default none */
  readonly flags?: readonly string[];
  /** The largest message; bytes. It is held in memory, and a larger one is refused. @default 67108864 (64 MiB) */
  readonly limit?: number;
  /**
   * The number of connections, 1 to 4. One is best for a server nearby. Over a distance, more are faster; then the
   * messages may be in another order in the folder.
   * @default 1
   */
  readonly connections?: number;
  /**
   * How long a connection may be silent. A number is in milliseconds. One answer may take ten times as long in all, and for a
   * message of more than 10 MiB this time for each MiB.
   * @default 60000
   */
  readonly timeout?: Duration;
  /**
   * How long the server may take to store a message whose connection was lost. A number is in milliseconds. If a message is not found
   * after a crash or a lost connection, it is appended again only after this time.
   * @default 30000
   */
  readonly settleTime?: Duration;
}

const NAMES: Readonly<Record<keyof ImapAppendOptions, true>> = {
  state: true,
  auth: true,
  tls: true,
  starttls: true,
  flags: true,
  limit: true,
  connections: true,
  timeout: true,
  settleTime: true,
};

const DEFAULTS = { limit: 64 * 1024 * 1024, connections: 1, timeout: 60_000, settleTime: 30_000 };

/** The largest number of connections: servers limit them for each user. */
const MOST_CONNECTIONS = 4;

/** The options, complete. */
export interface ImapSettings {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** TLS from the first octet, TLS by STARTTLS, or none. */
  readonly security: "tls" | "starttls" | "none";
  /** The names of the folder and of those above it, in Unicode NFC. */
  readonly folder: readonly string[];
  readonly state: string;
  readonly secret: ImapSecret;
  readonly secretKind: "password" | "accessToken";
  readonly tls: ConnectionOptions;
  readonly flags: readonly string[];
  readonly limit: number;
  readonly connections: number;
  readonly timeout: number;
  readonly settleTime: number;
}

/** Names the folder of a user on a server: `ann@imap.example.com:993/INBOX`. */
export function targetOf({ user, folder, ...server }: ImapSettings): string {
  return `${user}@${authority(server)}/${folder.join("/")}`;
}

/** Throws `POP3_CONFIG` if the URL or an option is invalid. */
export function completeImapOptions(url: unknown, options: ImapAppendOptions): ImapSettings {
  const { secure, isLoopback, ...place } = partsOf(url);
  checkObject("options", options);
  checkNames("imap", options, Object.keys(NAMES));
  const { state, auth, tls = {}, starttls, flags = [], limit, connections, timeout, settleTime } = options;
  checkText("imap.state", state);
  checkTls("imap.tls", tls);
  checkOneOf("imap.starttls", starttls, ["required", "never"]);
  if (secure && starttls !== undefined)
    throw configError("imap.starttls must be left out for imaps:// URLs, which have TLS from the first byte");
  if (!Array.isArray(flags)) throw configError(`imap.flags must be an array (got ${shown(flags)})`);
  const numbers = withDefaults(
    "imap",
    DEFAULTS,
    { limit, connections, timeout, settleTime },
    {
      timeout: "ms",
      settleTime: "ms",
    },
  );
  checkNumber("imap.limit", numbers.limit, 1);
  checkNumber("imap.timeout", numbers.timeout, 1);
  if (!Number.isInteger(numbers.connections) || numbers.connections < 1 || numbers.connections > 4)
    throw configError(
      `imap.connections must be a whole number from 1 to ${MOST_CONNECTIONS} (got ${numbers.connections})`,
    );
  const unsafe = (starttls ?? (isLoopback ? "never" : "required")) === "never";
  return {
    ...place,
    ...numbers,
    ...secretOf(auth),
    security: secure ? "tls" : unsafe ? "none" : "starttls",
    state,
    tls,
    flags: flags.map((flag, at) => checkFlag(`imap.flags[${at}]`, flag)),
  };
}

function secretOf(auth: unknown): Pick<ImapSettings, "secret" | "secretKind"> {
  checkObject("imap.auth", auth);
  checkNames("imap.auth", auth, ["password", "accessToken"]);
  const { password, accessToken } = auth as Partial<Record<"password" | "accessToken", unknown>>;
  if ((password === undefined) === (accessToken === undefined))
    throw configError("imap.auth must have a password or an accessToken, and not both");
  const secretKind = password === undefined ? "accessToken" : "password";
  const secret = password ?? accessToken;
  if (typeof secret !== "function" && (typeof secret !== "string" || secret === ""))
    throw configError(
      `imap.auth.${secretKind} must be a non-empty string, or a function that returns one (got ${typeof secret === "string" ? "an empty string" : shown(secret)})`,
    );
  return { secret: secret as ImapSecret, secretKind };
}

type Place = Pick<ImapSettings, "host" | "port" | "user" | "folder"> & {
  readonly secure: boolean;
  readonly isLoopback: boolean;
};

/** The URL is not shown: it may have a password. */
function partsOf(given: unknown): Place {
  const text: unknown = given instanceof URL ? given.href : given;
  if (typeof text !== "string" || !URL.canParse(text))
    throw configError(
      `the URL of an ImapAppend must look like imaps://ann@imap.example.com/INBOX (got ${typeof text === "string" ? "another string" : shown(text)})`,
    );
  const url = new URL(text);
  const secure = url.protocol === "imaps:";
  if (!secure && url.protocol !== "imap:")
    throw configError("the URL of an ImapAppend must begin with imaps:// or imap://");
  if (url.password !== "")
    throw configError("the URL of an ImapAppend must not contain a password: use imap.auth");
  if (url.search !== "" || url.hash !== "")
    throw configError(
      "the URL of an ImapAppend must not have ? or #: write them as %3F and %23 in the name of a folder",
    );
  const user = decoded(url.username);
  if (user === "")
    throw configError(
      "the URL of an ImapAppend must have the user name, with @ as %40: imaps://ann%40example.com@imap.example.com/INBOX",
    );
  if (/\p{Cc}/u.test(user)) throw configError("the user name in the URL must not have control characters");
  const host = decoded(url.hostname, hostFrom);
  if (host === "") throw configError("the URL of an ImapAppend must have a host with a valid name");
  return {
    host,
    port: url.port === "" ? (secure ? 993 : 143) : Number(url.port),
    user,
    folder: folderOf(url.pathname),
    secure,
    isLoopback:
      host === "localhost" || host === "::1" || (ipVersionOf(host) === 4 && host.startsWith("127.")),
  };
}

/** Servers take NFC and NFD for two folders, so names are always NFC. */
function folderOf(pathname: string): string[] {
  if (pathname === "" || pathname === "/") return ["INBOX"];
  return pathname
    .slice(1)
    .split("/")
    .map((part) => {
      const name = decoded(part).normalize("NFC");
      if (name === "")
        throw configError("the URL of an ImapAppend must not have an empty name in its folder");
      if (/\p{Cc}/u.test(name))
        throw configError("the folder of an ImapAppend must not have control characters in its name");
      return name;
    });
}

function decoded(text: string, decode: (text: string) => string = decodeURIComponent): string {
  try {
    return decode(text);
  } catch {
    throw configError("the URL of an ImapAppend must be percent-encoded UTF-8: write % itself as %25");
  }
}

const SYSTEM_FLAGS = ["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"];

/** Dovecot refuses longer keywords. */
const LONGEST_KEYWORD = 50;

/** RFC 9051 section 9: a keyword is an atom. */
const KEYWORD = /^[!#$&'+,\-./0-9:;<=>?@A-Z^_`a-z|}~]+$/;

/** imapflow leaves out flags that are not valid, and says nothing. */
function checkFlag(what: string, flag: unknown): string {
  checkText(what, flag);
  const system = SYSTEM_FLAGS.find((name) => name.toLowerCase() === flag.toLowerCase());
  if (system !== undefined) return system;
  const shownFlag = `(got ${printable(flag).slice(0, 2 * LONGEST_KEYWORD)})`;
  if (flag.startsWith("\\"))
    throw configError(`${what} must be ${SYSTEM_FLAGS.join(", ")} or a keyword ${shownFlag}`);
  if (!KEYWORD.test(flag))
    throw configError(
      `${what} must be a keyword of printable ASCII without spaces and ( ) { ] % * " \\ ${shownFlag}`,
    );
  if (flag.length > LONGEST_KEYWORD)
    throw configError(`${what} must have at most ${LONGEST_KEYWORD} characters ${shownFlag}`);
  return flag;
}
