// What a server can be told: every option and its default.
import type { TLSSocketOptions } from "node:tls";
import type { Pop3ServerUser } from "./accounts.ts";
import type { Fault } from "./faults.ts";
import type { ServerMechanism } from "./mechanisms.ts";

/** Where a session is (RFC 1939 section 3). */
export type SessionState = "AUTHORIZATION" | "TRANSACTION" | "UPDATE";

/** The moment at which a client asks for the capabilities. */
export interface CapabilityQuestion {
  readonly state: SessionState;
  /** Whether TLS is up. */
  readonly secure: boolean;
  /** Who has logged in. */
  readonly user: string | undefined;
  /** What would be answered without this function. */
  readonly standard: readonly string[];
}

export interface Pop3ServerOptions {
  /** Name → password and messages. @default nobody */
  readonly users?: Readonly<Record<string, Pop3ServerUser>>;
  /** @default "127.0.0.1" */
  readonly host?: string;
  /** @default 0: one that is free */
  readonly port?: number;
  /**
   * TLS from the first octet, as on port 995. Options of `node:tls` are taken too: `key` and `cert` (see
   * {@link makeCertificate}), `minVersion`, `maxVersion`, `ciphers`, `requestCert` ...
   * @default false
   */
  readonly tls?: boolean | TLSSocketOptions;
  /**
   * STLS (RFC 2595) on a port without TLS, with options of `node:tls` as in `tls`.
   * @default true
   */
  readonly stls?: boolean | TLSSocketOptions;
  /** Whether login without TLS is refused. @default false */
  readonly requireTls?: boolean;
  /** The text of the greeting; the timestamp of APOP follows it. @default "popwright test server ready" */
  readonly greeting?: string;
  /**
   * What CAPA (RFC 2449) tells. An array is added to the standard list. A function gives the whole list each time
   * it is asked for. `false`: there is no CAPA. What is listed does not change what works.
   * @default []
   */
  readonly capabilities?: readonly string[] | ((question: CapabilityQuestion) => readonly string[]) | false;
  /** Whether PIPELINING is listed; commands that arrive together are answered in order anyway. @default true */
  readonly pipelining?: boolean;
  /** USER and PASS. @default true */
  readonly user?: boolean;
  /** APOP: a timestamp in the greeting, a new one for each connection, or always the one given. @default true */
  readonly apop?: boolean | string;
  /** The mechanisms of AUTH, in the order in which they are listed. @default ["PLAIN", "LOGIN"] */
  readonly sasl?: readonly (string | ServerMechanism)[];
  /** @default true */
  readonly uidl?: boolean;
  /** @default true */
  readonly top?: boolean;
  /** UTF8 (RFC 6856). @default true */
  readonly utf8?: boolean;
  /** LANG (RFC 6856). @default true */
  readonly lang?: boolean;
  /** Seconds that must pass between two logins of a user (RFC 2449 section 6.5). @default 0 */
  readonly loginDelay?: number;
  /** The clock of `loginDelay`: milliseconds. @default Date.now */
  readonly now?: () => number;
  /** Whether a second session of one maildrop is refused with `[IN-USE]`. @default true */
  readonly lock?: boolean;
  /** The most octets that go out together, for every connection; 1: each octet alone. @default Infinity */
  readonly chunk?: number;
  /** What goes wrong. More can be added later with `server.fault()`. @default nothing */
  readonly faults?: readonly Fault[];
}
