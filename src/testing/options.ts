// The options of the test server, their defaults, and their checks.
import type { TLSSocketOptions } from "node:tls";
import { checkObject, checkOneOf } from "../options/checks.ts";
import type { Duration } from "../options/checks.ts";
import { USER_CHECKS, type Charset, type Pop3ServerUser } from "./accounts.ts";
import type { Fault } from "./fault.ts";
import { LISTENER_CHECKS, type ListenerOptions } from "./listener.ts";
import { MECHANISM_CHECKS, type MechanismOptions } from "./mechanisms/index.ts";
import type { ServerMechanism } from "./mechanisms/mechanism.ts";
import {
  checkOptions,
  is,
  isCallback,
  isListOf,
  isNumber,
  isTime,
  isObject,
  isString,
  isSwitch,
  isText,
  isTls,
  type Checks,
} from "./option-checks.ts";

/** The state of a session (RFC 1939 section 3). */
export type SessionState = "AUTHORIZATION" | "TRANSACTION" | "UPDATE";

/** The state of the session when the client asks for the capabilities. */
export interface CapabilityQuestion {
  /** The state of the session. */
  readonly state: SessionState;
  /** Whether TLS is active. */
  readonly secure: boolean;
  /** The user who is logged in. */
  readonly user: string | undefined;
  /** The list that the server would send without this function. */
  readonly standard: readonly string[];
}

/** The options of {@link Pop3Server.listen}. */
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
  /** The shortest time between two logins of a user (RFC 2449 section 6.5). A number is in seconds. @default 0 */
  readonly loginDelay?: Duration;
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

const CHECKS: Checks<Pop3ServerOptions> = {
  ...LISTENER_CHECKS,
  ...MECHANISM_CHECKS,
  user: isSwitch,
  users: isObject,
  tls: isTls,
  stls: isTls,
  requireTls: isSwitch,
  greeting: isString,
  capabilities: (what, value) => {
    if (value !== false && typeof value !== "function") isCapabilities(what, value);
  },
  pipelining: isSwitch,
  apop: is("true, false or a string", (value) => ["boolean", "string"].includes(typeof value)),
  sasl: isListOf(is("the name of a mechanism, or a mechanism with name and exchange()", isMechanism)),
  charset: (what, value) => checkOneOf(what, value, ["utf8", "latin1"] satisfies Charset[]),
  attempts: isNumber(0),
  uidl: isSwitch,
  top: isSwitch,
  utf8: isSwitch,
  lang: isSwitch,
  loginDelay: isTime("s"),
  now: isCallback,
  lock: isSwitch,
  faults: is("an array", Array.isArray),
  allowUnusedFaults: isSwitch,
};

const isCapabilities = isListOf(isText);

function isMechanism(value: unknown): boolean {
  if (typeof value === "string") return true;
  const { name, exchange } = (value ?? {}) as Partial<ServerMechanism>;
  return typeof name === "string" && typeof exchange === "function";
}

/**
 * Throws `POP3_CONFIG` for an unknown name or a wrong value at any level. What is in `tls` and `stls` is not ours, and
 * not checked; {@link checkFault} checks the faults.
 */
export function checkServerOptions(options: Pop3ServerOptions): void {
  checkObject("the options of Pop3Server", options);
  checkOptions("server", options, CHECKS);
  for (const user of Object.values(options.users ?? {})) {
    checkObject("user", user);
    checkOptions("user", user, USER_CHECKS);
  }
}
