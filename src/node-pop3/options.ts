// The options of node-pop3, and what they mean for our client.
import type { ConnectionOptions } from "node:tls";
import {
  argumentError,
  checkBoolean,
  checkNames,
  checkNumber,
  checkObject,
  configError,
  shown,
} from "../options/checks.ts";
import type { Pop3ClientOptions } from "../options/client.ts";
import { messageNumber } from "../protocol/message-number.ts";
import { printable } from "../protocol/printable.ts";

/** The options of `Pop3Command`: those of node-pop3, and `stls`. */
export interface NodePop3Options {
  /** The user name. May be left out if the program sends USER and PASS itself, with `command`. */
  readonly user?: string | undefined;
  /** The password. */
  readonly password?: string | undefined;
  /** The name or the IP address of the server. Required. */
  readonly host: string;
  /** The TCP port; a string of digits is accepted. @default 995 with `tls: true`, otherwise 110 */
  readonly port?: number | undefined;
  /**
   * `true`: TLS from the first byte. `false`: TLS begins with STLS, see `stls`. Both verify the certificate.
   * @default false
   */
  readonly tls?: boolean | undefined;
  /**
   * The longest wait for the connection, for each reply and between two parts of a message, in milliseconds; 0: no limit.
   * @default the limits of `Pop3Timeouts`
   */
  readonly timeout?: number | undefined;
  /** Options for `tls.connect`, also if STLS starts TLS. @default {} */
  readonly tlsOptions?: ConnectionOptions | undefined;
  /** The name in the certificate of the server. @default `host` */
  readonly servername?: string | undefined;
  /**
   * Only here, not in node-pop3: with `tls: false`, whether STLS must start TLS. `"never"` sends the password in clear
   * text, as node-pop3 does. `"if-offered"` uses TLS if the server offers it, and otherwise only logins that do not
   * show the password.
   * @default "required"
   */
  readonly stls?: Pop3ClientOptions["stls"] | undefined;
}

const NAMES: Readonly<Record<keyof NodePop3Options, true>> = {
  user: true,
  password: true,
  host: true,
  port: true,
  tls: true,
  timeout: true,
  tlsOptions: true,
  servername: true,
  stls: true,
};

/** Checks the options, and returns those of a client without its login. Throws `POP3_CONFIG`. */
export function clientOptionsFrom(options: NodePop3Options): Pop3ClientOptions {
  checkObject("options", options);
  checkNames("", options, Object.keys(NAMES));
  const { user, password, host, tls = false, timeout, tlsOptions = {}, servername, stls } = options;
  for (const [name, value] of Object.entries({ user, password, servername }))
    if (value !== undefined && typeof value !== "string")
      throw configError(
        `${printable(name)} must be a string (got ${name === "password" ? typeof value : shown(value)})`,
      );
  checkBoolean("tls", tls);
  checkObject("tlsOptions", tlsOptions);
  if (timeout !== undefined) checkNumber("timeout", timeout);
  const port = portFrom(options.port);
  return {
    host,
    secure: tls,
    ...(port !== undefined && { port }),
    ...(!tls && stls !== undefined && { stls }),
    tls: servername === undefined ? tlsOptions : { servername, ...tlsOptions },
    ...(timeout !== undefined && { timeouts: timeoutsFrom(timeout) }),
  };
}

/** node-pop3 takes the port of an environment variable as it is, and any falsy value as the default. */
function portFrom(given: unknown): number | undefined {
  if (given === undefined || given === null || given === 0 || given === "") return undefined;
  return digits(given) as number;
}

function timeoutsFrom(timeout: number): NonNullable<Pop3ClientOptions["timeouts"]> {
  const limit = timeout === 0 ? Infinity : timeout;
  return { connect: limit, tls: limit, greeting: limit, command: limit, body: limit };
}

/** The number of a message. Strings of digits are accepted, as by node-pop3. Throws `POP3_INVALID_ARGUMENT`. */
export function messageFrom(given: unknown): number {
  return Number(messageNumber(digits(given) as number));
}

/** The number of a message; `undefined` for a command that lists all messages. */
export function optionalMessageFrom(given: unknown): number | undefined {
  return given === undefined || given === "" ? undefined : messageFrom(given);
}

/** The number of lines of TOP. */
export function linesFrom(given: unknown): number {
  const lines = digits(given);
  if (typeof lines !== "number" || !Number.isSafeInteger(lines) || lines < 0)
    throw argumentError(`the number of lines must be an integer >= 0 (got ${shown(given)})`);
  return lines;
}

const digits = (given: unknown): unknown =>
  typeof given === "string" && /^\d+$/.test(given) ? Number(given) : given;

/** Joins the parts of a command, as `command()` of node-pop3 does. Throws `POP3_INVALID_ARGUMENT`. */
export function lineFrom(parts: readonly unknown[]): string {
  for (const part of parts)
    if (typeof part !== "string" && typeof part !== "number")
      throw argumentError(`the parts of a command must be strings or numbers (got ${typeof part})`);
  const line = parts.join(" ").trim();
  // The line may have a password.
  if (!/^[!-~]/.test(line) || /[\r\n\0]/.test(line))
    throw argumentError("a command must begin with its name, and must not contain CR, LF or NUL");
  return line;
}
