// The options of the test server, their defaults, and the checks of their names.
import type { TLSSocketOptions } from "node:tls";
import { checkBoolean, checkNames, checkObject, configError, shown } from "../options/checks.ts";
import { USER_NAMES, type Charset, type Pop3ServerUser } from "./accounts.ts";
import type { Fault } from "./fault.ts";
import type { ListenerOptions } from "./listener.ts";
import { DIGEST_MD5_NAMES } from "./mechanisms/digest-md5.ts";
import type { MechanismOptions } from "./mechanisms/index.ts";
import type { ServerMechanism } from "./mechanisms/mechanism.ts";
import { SCRAM_NAMES } from "./mechanisms/scram.ts";

/** The state of a session (RFC 1939 section 3). */
export type SessionState = "AUTHORIZATION" | "TRANSACTION" | "UPDATE";

/** The state of the session when the client asks for the capabilities. */
export interface CapabilityQuestion {
  readonly state: SessionState;
  /** Whether TLS is active. */
  readonly secure: boolean;
  /** The user who is logged in. */
  readonly user: string | undefined;
  /** The list that the server would send without this function. */
  readonly standard: readonly string[];
}

export interface Pop3ServerOptions extends ListenerOptions, MechanismOptions {
  /** User name → secrets and messages. @default no users */
  readonly users?: Readonly<Record<string, Pop3ServerUser>>;
  /**
   * Implicit TLS, as on port 995. An object has options of `node:tls`: `key` and `cert` (see
   * {@link makeCertificate}), `minVersion`, `maxVersion`, `ciphers`, `requestCert` and others. A client's
   * certificate is trusted if one of `ca` has signed it, or if `ca` is not set.
   * @default false
   */
  readonly tls?: boolean | TLSSocketOptions;
  /**
   * STLS (RFC 2595) on a port without implicit TLS. An object has options of `node:tls`, as in `tls`.
   * @default true
   */
  readonly stls?: boolean | TLSSocketOptions;
  /** Whether to refuse a login without TLS. @default false */
  readonly requireTls?: boolean;
  /** The text of the greeting; the timestamp of APOP follows it. @default "popwright test server ready" */
  readonly greeting?: string;
  /**
   * The answer to CAPA (RFC 2449). An array is appended to the standard list. A function returns the whole
   * list each time the client asks. `false`: the server does not know CAPA. The list does not change which
   * commands work.
   * @default []
   */
  readonly capabilities?: readonly string[] | ((question: CapabilityQuestion) => readonly string[]) | false;
  /** Whether CAPA lists PIPELINING. Pipelined commands are answered in order either way. @default true */
  readonly pipelining?: boolean;
  /** Whether the server knows USER and PASS. @default true */
  readonly user?: boolean;
  /**
   * APOP. `true`: the greeting has a new timestamp for each connection. A string is the timestamp of every
   * greeting.
   * @default true
   */
  readonly apop?: boolean | string;
  /**
   * The mechanisms of AUTH (RFC 5034), in the order in which CAPA lists them: `PLAIN`, `LOGIN`, `CRAM-MD5`,
   * `DIGEST-MD5`, `SCRAM-SHA-1`, `-256` and `-512` (each also with `-PLUS`), `EXTERNAL`, `ANONYMOUS`,
   * `XOAUTH2`, `OAUTHBEARER`, or your own mechanisms. `-PLUS` is available only under TLS, `EXTERNAL` only if
   * the client has sent a trusted certificate.
   * @default ["PLAIN", "LOGIN"]
   */
  readonly sasl?: readonly (string | ServerMechanism)[];
  /**
   * The charset of names and passwords in USER, PASS, APOP, PLAIN, LOGIN and CRAM-MD5. `latin1` compares them
   * byte for byte. `utf8` refuses invalid UTF-8 and compares the texts after SASLprep (RFC 6856 section 2.2).
   * @default "utf8"
   */
  readonly charset?: Charset;
  /** Closes the connection after this number of refused logins, after the last `-ERR`. @default Infinity */
  readonly attempts?: number;
  /** Whether the server knows UIDL. @default true */
  readonly uidl?: boolean;
  /** Whether the server knows TOP. @default true */
  readonly top?: boolean;
  /** Whether the server knows UTF8 (RFC 6856). @default true */
  readonly utf8?: boolean;
  /** Whether the server knows LANG (RFC 6856). @default true */
  readonly lang?: boolean;
  /** Minimum seconds between two logins of a user (RFC 2449 section 6.5). @default 0 */
  readonly loginDelay?: number;
  /** The clock for `loginDelay`: returns milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
  /** Whether a second session on the same maildrop is refused with `[IN-USE]`. @default true */
  readonly lock?: boolean;
  /** Faults to inject from the start. `server.fault()` adds more later. @default none */
  readonly faults?: readonly Fault[];
  /**
   * Whether a fault may remain unused. If `false`, the end of an `await using` block throws `POP3_CONFIG` if
   * a fault has not changed any response: then the test has not tested what it was meant to test.
   * @default false
   */
  readonly allowUnusedFaults?: boolean;
}

const NAMES: readonly string[] = Object.keys({
  host: true,
  port: true,
  chunk: true,
  latency: true,
  users: true,
  tls: true,
  stls: true,
  requireTls: true,
  greeting: true,
  capabilities: true,
  pipelining: true,
  user: true,
  apop: true,
  sasl: true,
  scram: true,
  digestMd5: true,
  cramMd5: true,
  oauthError: true,
  anonymous: true,
  charset: true,
  attempts: true,
  uidl: true,
  top: true,
  utf8: true,
  lang: true,
  loginDelay: true,
  now: true,
  lock: true,
  faults: true,
  allowUnusedFaults: true,
} satisfies Record<keyof Pop3ServerOptions, true>);

const SWITCHES = [
  "requireTls",
  "pipelining",
  "user",
  "uidl",
  "top",
  "utf8",
  "lang",
  "lock",
  "allowUnusedFaults",
] as const;

/**
 * Throws `POP3_CONFIG` for an unknown name at any level. `tls`, `stls` and mechanisms of the caller's own are
 * not ours, and not checked; {@link checkFault} checks the faults.
 */
export function checkServerOptions(options: Pop3ServerOptions): void {
  checkObject("the options of Pop3Server", options);
  checkNames("server", options, NAMES);
  for (const name of SWITCHES) checkBoolean(`server.${name}`, options[name]);
  for (const name of ["sasl", "faults"] as const)
    if (options[name] !== undefined && !Array.isArray(options[name]))
      throw configError(`server.${name} must be an array (got ${shown(options[name])})`);
  checkLevel("users", options.users);
  for (const user of Object.values(options.users ?? {})) checkLevel("user", user, USER_NAMES);
  checkLevel("scram", options.scram, SCRAM_NAMES);
  checkLevel("digestMd5", options.digestMd5, DIGEST_MD5_NAMES);
}

function checkLevel(what: string, value: object | undefined, names?: readonly string[]): void {
  if (value === undefined) return;
  checkObject(what, value);
  if (names !== undefined) checkNames(what, value, names);
}
