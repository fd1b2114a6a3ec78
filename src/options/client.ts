// The options of a client: their defaults, and their checks before anything is sent.
import type { LookupFunction } from "node:net";
import type { Duplex } from "node:stream";
import type { ConnectionOptions } from "node:tls";
import { checkAuth, type Pop3Auth } from "./auth.ts";
import type { SocketSource } from "../net/dial.ts";
import { ipVersionOf } from "../net/local-addresses.ts";
import type { Pop3Logger } from "../net/log.ts";
import type { Window } from "../net/pipeline.ts";
import {
  checkBoolean,
  checkFunction,
  checkLogger,
  checkNames,
  checkObject,
  checkOneOf,
  configError,
  shown,
  withDefaults,
} from "./checks.ts";
import { checkTls } from "./tls.ts";
import type { ListingMode } from "../protocol/listing-block.ts";
import type { Duration } from "./duration.ts";
import { parseUrl } from "./url.ts";
import { proxyFrom, type Proxy } from "../net/proxy.ts";
import { isPrintable } from "../protocol/printable.ts";

/** Time limits, greater than 0. Numbers are in milliseconds; `Infinity` switches one off. */
export interface Pop3Timeouts {
  /** Name resolution and TCP. @default 30000 */
  readonly connect: Duration;
  /** The TLS handshake, at the start or after STLS. @default 15000 */
  readonly tls: Duration;
  /** The greeting. @default 30000 */
  readonly greeting: Duration;
  /** The first line of a reply, and the whole of a CAPA response. Single bytes do not extend it. @default 60000 */
  readonly command: Duration;
  /** The pause between two bytes of a longer response. @default 60000 */
  readonly body: Duration;
  /**
   * A whole response that is collected in memory: `retr`, `buffer()`, `top`, `list`, `uidl`, `capa`, `command` with
   * `multiline`. It begins when the replies to earlier commands are complete. Streams have no such limit. A call may
   * have its own, see `totalTimeout`. @default 3600000 (an hour)
   */
  readonly total: Duration;
  /** The reply to QUIT, for which a server may have much to delete. @default 10000 */
  readonly quit: Duration;
  /** Reading the rest of a response that the caller has given up. @default 10000 */
  readonly drain: Duration;
}

/**
 * Limits on what a server can send. In bytes, except for the limits that count entries, lines or challenges, and
 * `minRate`. `Infinity` switches a limit off; 0 switches `minRate` off.
 */
export interface Pop3Limits {
  /** A line of a server, CRLF included. RFC 1939 says 512; servers exceed that. @default 8192 */
  readonly line: number;
  /** A command line, CRLF included (RFC 2449 section 4). @default 255 */
  readonly commandLine: number;
  /** The number of entries of LIST or UIDL. @default 1000000 */
  readonly listEntries: number;
  /** A whole LIST or UIDL response. @default 134217728 (128 MiB) */
  readonly listOctets: number;
  /** The number of lines of a CAPA response. @default 256 */
  readonly capabilityLines: number;
  /** A whole CAPA response. @default 65536 */
  readonly capabilityOctets: number;
  /** A SASL challenge, decoded. @default 16384 */
  readonly challenge: number;
  /** The number of challenges in one authentication. @default 16 */
  readonly challenges: number;
  /** A message that is held in memory; streams have no limit. @default 67108864 (64 MiB) */
  readonly message: number;
  /** How much of an abandoned response is read and dropped. If it is longer, the connection is closed. @default 8388608 (8 MiB) */
  readonly drain: number;
  /**
   * The lowest average speed of a longer response, in bytes per second. It is checked after the first
   * `timeouts.body`. 0: any speed.
   * @default 512
   */
  readonly minRate: number;
}

/** How much may be in flight if the server lists PIPELINING. */
export interface Pop3Window {
  /** The bytes of the responses, as LIST announces them. @default 4194304 (4 MiB) */
  readonly octets?: number;
  /** The bytes of the command lines. @default 4096 */
  readonly commandOctets?: number;
}

/** The options of a {@link Pop3Client}. */
export interface Pop3ClientOptions {
  /** The name or the IP address of the server. Required. */
  readonly host: string;
  /** The TCP port, from 1 to 65535. @default 995, or 110 with `secure: false` */
  readonly port?: number;
  /** TLS from the first byte (RFC 8314). @default true */
  readonly secure?: boolean;
  /**
   * With `secure: false`: whether STLS starts TLS (RFC 2595). `"required"`: `connect` rejects if it is not possible.
   * `"if-offered"`: continues without TLS if the server does not list STLS, but then logs in by SCRAM only (unless
   * `allowPlaintextAuth` is set). `"never"`: no TLS; a password may be sent in plain text.
   * @default "required"
   */
  readonly stls?: "required" | "if-offered" | "never";
  /** The login: user name and secret. Without it `connect` stops in the AUTHORIZATION state. @default no login */
  readonly auth?: Pop3Auth;
  /**
   * Switches to UTF-8 before the login if the server lists UTF8 (RFC 6856). Messages with UTF-8 in their headers then
   * come as they are; without it some servers send a substitute.
   * @default false
   */
  readonly utf8?: boolean;
  /**
   * Whether `connect` sends CAPA. Some old servers close the connection on CAPA: then `connect` dials once more and
   * does not send that CAPA again. `false` saves that second connection, and is for servers that never reply to CAPA.
   * Without CAPA, STLS is tried if it is required, and the login uses USER and PASS, or what `auth` says.
   * @default true
   */
  readonly capa?: boolean;
  /** Allows a password to be sent without TLS. `stls: "never"` allows it as well. @default false */
  readonly allowPlaintextAuth?: boolean;
  /**
   * Options for `tls.connect`: `ca`, `cert` and `key` (each the content of a PEM file), `servername`, `minVersion` and so
   * on. `ca` takes the place of the authorities that Node trusts. Clients of a server with options of equal values resume
   * TLS sessions, which saves most of the handshake. Functions are compared by identity.
   * @default those of Node
   */
  readonly tls?: ConnectionOptions;
  /** Your own connected stream, or a function that makes one. Not together with `proxy`. @default a TCP connection */
  readonly socket?: SocketSource;
  /**
   * The URL of a proxy: `http://`, `https://` (CONNECT), `socks5://` (also as `socks://` and `socks5h://`), `socks4a://`
   * or `socks4://` (the SOCKS ones need the package `socks`). It may have a user name and a password, percent-encoded.
   * The proxy resolves the name of the server, except with `socks4://`.
   * @default no proxy
   */
  readonly proxy?: string | URL;
  /**
   * The local IP address from which to connect, or a list of them, all of one version of IP. The addresses of a list
   * are used in turn, for each new connection to a host. With `proxy`: from which to connect to the proxy.
   * @default chosen by the operating system
   */
  readonly localAddress?: string | readonly string[];
  /** 4 or 6: only this version of IP. @default both, by happy eyeballs (RFC 8305) */
  readonly family?: 4 | 6;
  /** The function that resolves the name of the server, with the arguments of `dns.lookup`. @default dns.lookup */
  readonly lookup?: LookupFunction;
  /** Time limits. Numbers are in milliseconds. @default see {@link Pop3Timeouts} */
  readonly timeouts?: Partial<Pop3Timeouts>;
  /** Limits on what the server can send. @default see {@link Pop3Limits} */
  readonly limits?: Partial<Pop3Limits>;
  /**
   * `"auto"`: several commands may be in flight if the server lists PIPELINING (RFC 2449 section 6.6) and is not known to
   * break it. `false`: one command at a time. An object: as `"auto"`, with other limits. See
   * {@link Pop3Client.pipelining}.
   * @default "auto"
   */
  readonly pipelining?: "auto" | false | Pop3Window;
  /**
   * What is done about malformed lines in LIST and UIDL: a unique-id with a space, a size below 0, a number that occurs
   * twice. `"lenient"` leaves them out of the listing and names them in `client.malformed`; the call fails with
   * `POP3_BAD_LISTING` only if every line is malformed. With `"strict"` one such line fails it. A message without a
   * unique-id is not an error in either.
   * @default "lenient"
   */
  readonly listings?: ListingMode;
  /**
   * Whether user names may be shown. `false` puts `****` in their place in errors, in the log, on the diagnostics
   * channels and in recordings, also where the server repeats them.
   * @default true
   */
  readonly logUser?: boolean;
  /**
   * Receives the lines of the log, in the form of pino: the object first, then the message. Secrets are masked, and no
   * mail is logged. `false`: no lines at all, not even for `DEBUG=popwright:*`.
   * @default no logger; `DEBUG=popwright:*` logs to standard error
   */
  readonly logger?: Pop3Logger | false;
  /**
   * Names the session in log lines, traces and errors: up to 64 printable characters. See {@link Pop3Client.id}.
   * @default 8 random characters for each client
   */
  readonly id?: string;
}

/** The options with all their defaults. */
export interface Settings {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly stls: "required" | "if-offered" | "never";
  readonly auth: Pop3Auth | undefined;
  readonly utf8: boolean;
  readonly capa: boolean;
  readonly allowPlaintextAuth: boolean;
  readonly tls: ConnectionOptions;
  readonly socket: SocketSource | undefined;
  readonly proxy: Proxy | undefined;
  /** At least one address. */
  readonly localAddress: readonly string[] | undefined;
  readonly family: 4 | 6 | undefined;
  readonly lookup: LookupFunction | undefined;
  /** In milliseconds. */
  readonly timeouts: CompleteTimeouts;
  readonly limits: Pop3Limits;
  /** `undefined`: never. */
  readonly window: Window | undefined;
  readonly listings: ListingMode;
  readonly logUser: boolean;
  readonly logger: Pop3Logger | false | undefined;
  /** `undefined`: a random one for each session. */
  readonly id: string | undefined;
}

type CompleteTimeouts = { readonly [K in keyof Pop3Timeouts]: number };

export const DEFAULT_TIMEOUTS: CompleteTimeouts = {
  connect: 30_000,
  tls: 15_000,
  greeting: 30_000,
  command: 60_000,
  body: 60_000,
  // 64 MiB, the most that is held in memory, take an hour at 18 KiB per second.
  total: 60 * 60_000,
  quit: 10_000,
  drain: 10_000,
};

export const DEFAULT_LIMITS: Pop3Limits = {
  line: 8192,
  commandLine: 255,
  listEntries: 1_000_000,
  listOctets: 128 * 1024 * 1024,
  capabilityLines: 256,
  capabilityOctets: 64 * 1024,
  challenge: 16 * 1024,
  challenges: 16,
  message: 64 * 1024 * 1024,
  drain: 8 * 1024 * 1024,
  // Half of what a GSM data line brings (9600 bit/s): less is a stall or an attack.
  minRate: 512,
};

export const DEFAULT_WINDOW: Window = { octets: 4 * 1024 * 1024, commandOctets: 4096 };

const DEFAULT_TLS: ConnectionOptions = Object.freeze({});

/** The names of all options. The compiler reports a missing one. */
export const CLIENT_OPTIONS: Readonly<Record<keyof Pop3ClientOptions, true>> = {
  host: true,
  port: true,
  secure: true,
  stls: true,
  auth: true,
  utf8: true,
  capa: true,
  allowPlaintextAuth: true,
  tls: true,
  socket: true,
  proxy: true,
  localAddress: true,
  family: true,
  lookup: true,
  timeouts: true,
  limits: true,
  pipelining: true,
  listings: true,
  logUser: true,
  logger: true,
  id: true,
};

/** Returns options unchanged, and a URL as options. Throws `POP3_CONFIG` if the URL is invalid. */
export function optionsFrom(given: Pop3ClientOptions | string | URL): Pop3ClientOptions {
  return typeof given === "string" || given instanceof URL ? parseUrl(given) : given;
}

/** Checks options and completes them. Throws `POP3_CONFIG`, with a hint for an unknown name; never shows a secret. */
export function completeOptions(given: Pop3ClientOptions | string | URL): Settings {
  const options = optionsFrom(given);
  checkObject("options", options);
  checkNames("", options, Object.keys(CLIENT_OPTIONS));
  checkBoolean("secure", options.secure);
  checkBoolean("allowPlaintextAuth", options.allowPlaintextAuth);
  checkBoolean("utf8", options.utf8);
  checkBoolean("capa", options.capa);
  checkBoolean("logUser", options.logUser);
  const secure = options.secure ?? true;
  if (
    typeof options.host !== "string" ||
    options.host === "" ||
    /[ /@]/.test(options.host) ||
    !isPrintable(options.host)
  ) {
    if ((options.host as unknown) === undefined && Object.hasOwn(options, "host"))
      throw configError("host is undefined: if it comes from an environment variable, is that set?");
    // A URL with a password may be here by mistake: it is not shown.
    throw configError("host must be the name or the address of a server, without user, password or spaces");
  }
  if (/^[^:]*:\d+$/.test(options.host))
    throw configError("host must not have a port at its end: give the port as the option port");
  if (secure && options.stls !== undefined && options.stls !== "never") {
    throw configError(
      `stls is ${shown(options.stls)}, but secure is true: STLS starts TLS on a plain connection, so it needs secure: false`,
    );
  }
  const { port = secure ? 995 : 110, stls = secure ? "never" : "required" } = options;
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw configError(`port must be a whole number from 1 to 65535 (got ${shown(port)})`);
  checkOneOf("stls", stls, ["required", "if-offered", "never"]);
  if (options.family !== undefined && ![4, 6].includes(options.family))
    throw configError(`family must be 4 or 6 (got ${shown(options.family)})`);
  const tls: unknown = options.tls;
  if (typeof tls === "boolean") {
    throw configError(
      `tls must be an object of options for tls.connect (got ${tls}): did you mean secure: ${tls}?`,
    );
  }
  if (tls !== undefined) checkTls("tls", tls);
  checkFunction("lookup", options.lookup);
  const socket = options.socket as Partial<Duplex> | null | undefined;
  if (socket !== undefined && typeof socket !== "function" && typeof socket?.pipe !== "function")
    throw configError(
      `socket must be a connected stream, or a function that returns one (got ${shown(socket)})`,
    );
  if (options.socket !== undefined && options.proxy !== undefined) {
    throw configError("socket and proxy cannot be given together: connect your own socket through the proxy");
  }
  if (options.auth !== undefined) checkAuth(options.auth);
  checkOneOf("listings", options.listings, ["lenient", "strict"]);
  checkLogger("logger", options.logger);
  const { id } = options;
  if (id !== undefined && (typeof id !== "string" || !/^.{1,64}$/.test(id) || !isPrintable(id)))
    throw configError(`id must be a string of 1 to 64 printable characters (got ${shown(id)})`);
  return {
    host: options.host,
    port,
    secure,
    stls,
    auth: options.auth,
    utf8: options.utf8 ?? false,
    capa: options.capa ?? true,
    allowPlaintextAuth: options.allowPlaintextAuth ?? (!secure && stls === "never"),
    tls: options.tls ?? DEFAULT_TLS,
    socket: options.socket,
    proxy: options.proxy === undefined ? undefined : proxyFrom(options.proxy),
    localAddress: localAddressesFrom(options.localAddress, options.family),
    family: options.family,
    lookup: options.lookup,
    timeouts: withDefaults("timeouts", DEFAULT_TIMEOUTS, options.timeouts, "ms"),
    limits: withDefaults("limits", DEFAULT_LIMITS, options.limits),
    window: windowFrom(options.pipelining),
    listings: options.listings ?? "lenient",
    logUser: options.logUser ?? true,
    logger: options.logger,
    id,
  };
}

/** Checks the local addresses. Throws `POP3_CONFIG`: Node would fail only when it connects, and not name the option. */
function localAddressesFrom(
  given: string | readonly string[] | undefined,
  family: 4 | 6 | undefined,
): readonly string[] | undefined {
  if (given === undefined) return undefined;
  const isList = Array.isArray(given);
  const addresses = isList ? (given as readonly unknown[]) : [given];
  if (addresses.length === 0)
    throw configError("localAddress must list at least one IP address, or be left out (got an empty array)");
  const versions = addresses.map((address, index) => {
    const version = typeof address === "string" ? ipVersionOf(address) : undefined;
    if (version !== undefined) return version;
    const what = isList ? `localAddress[${index}]` : "localAddress";
    throw configError(
      `${what} must be an IP address of this machine, such as 192.0.2.1 or 2001:db8::1 (got ${shown(address)})`,
    );
  });
  if (new Set(versions).size > 1)
    throw configError(
      "localAddress must list addresses of one version of IP (got both): an IPv6 address cannot reach an IPv4 server",
    );
  if (family !== undefined && versions[0] !== family)
    throw configError(
      `localAddress has an IPv${versions[0]} address, but family is ${family}: give an IPv${family} address`,
    );
  return addresses as readonly string[];
}

function windowFrom(pipelining: "auto" | false | Pop3Window = "auto"): Window | undefined {
  if (pipelining === false) return undefined;
  if (pipelining === "auto") return DEFAULT_WINDOW;
  if (typeof pipelining !== "object" || (pipelining as unknown) === null)
    throw configError(`pipelining must be "auto", false or an object (got ${shown(pipelining)})`);
  return withDefaults("pipelining", DEFAULT_WINDOW, pipelining);
}
