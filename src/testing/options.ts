// What a server can be told: every option and its default.
import type { TLSSocketOptions } from "node:tls";
import type { Charset, Pop3ServerUser } from "./accounts.ts";
import type { Fault } from "./faults.ts";
import type { ListenerOptions } from "./listener.ts";
import type { DigestMd5ServerOptions } from "./mechanisms/digest-md5.ts";
import type { ServerMechanism } from "./mechanisms/mechanism.ts";
import type { OAuthError } from "./mechanisms/oauth.ts";
import type { ScramServerOptions } from "./mechanisms/scram.ts";

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

export interface Pop3ServerOptions extends ListenerOptions {
  /** Name → secrets and messages. @default nobody */
  readonly users?: Readonly<Record<string, Pop3ServerUser>>;
  /**
   * TLS from the first octet, as on port 995. Options of `node:tls` are taken too: `key` and `cert` (see
   * {@link makeCertificate}), `minVersion`, `maxVersion`, `ciphers`, `requestCert` ... A client's certificate counts
   * where one of `ca` has signed it, and where `ca` is not given.
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
  /**
   * The mechanisms of AUTH (RFC 5034), in the order in which they are listed: `PLAIN`, `LOGIN`, `CRAM-MD5`,
   * `DIGEST-MD5`, `SCRAM-SHA-1`, `-256` and `-512`, each with `-PLUS`, too, `EXTERNAL`, `ANONYMOUS`, `XOAUTH2`,
   * `OAUTHBEARER`, or mechanisms of your own. `-PLUS` is there under TLS only, `EXTERNAL` where the client has sent
   * a certificate.
   * @default ["PLAIN", "LOGIN"]
   */
  readonly sasl?: readonly (string | ServerMechanism)[];
  /** Of SCRAM (RFC 5802, RFC 7677), and how it goes wrong. @default nothing goes wrong */
  readonly scram?: ScramServerOptions;
  /** Of DIGEST-MD5 (RFC 2831), and how it goes wrong. @default nothing goes wrong */
  readonly digestMd5?: DigestMd5ServerOptions;
  /** The challenge of CRAM-MD5 (RFC 2195), always the one given. @default a new one each time */
  readonly cramMd5?: string;
  /**
   * What XOAUTH2 and OAUTHBEARER say of a token that is not accepted, in the challenge ahead of `-ERR`: an object
   * for JSON, or a text that is sent as it is.
   * @default `status`, `scope`, and what else Google (XOAUTH2) or RFC 7628 (OAUTHBEARER) say
   */
  readonly oauthError?: OAuthError;
  /** The user whose maildrop is open to ANONYMOUS (RFC 4505). @default none: there is no ANONYMOUS */
  readonly anonymous?: string;
  /**
   * Of names and passwords in USER, PASS, APOP, PLAIN, LOGIN and CRAM-MD5. With `latin1` octets count as they are;
   * with `utf8` what is no UTF-8 is refused, and the rest is compared by SASLprep (RFC 6856 section 2.2).
   * @default "utf8"
   */
  readonly charset?: Charset;
  /** After so many logins that were refused the connection is closed, behind the last `-ERR`. @default Infinity */
  readonly attempts?: number;
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
  /** What goes wrong. More can be added later with `server.fault()`. @default nothing */
  readonly faults?: readonly Fault[];
}
