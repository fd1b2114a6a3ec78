// What every launcher gives, so that one test can be run against each of the servers.
import type { KerberosRealm } from "./kdc.ts";
import type { TlsVersions } from "./tls-versions.ts";

/** What may be chosen about each of the servers. */
export interface MailServerOptions {
  /** Password by user name. One at least. */
  readonly users: Readonly<Record<string, string>>;
  /** `subjectAltName` entries of the server's certificate. @default localhost, 127.0.0.1 and ::1 */
  readonly certificateNames?: readonly string[];
  /** The versions of TLS that the server speaks. @default TLS 1.2 and 1.3; Courier: 1.0 to 1.3 */
  readonly tlsVersions?: TlsVersions;
}

/** What can prove an identity to Dovecot and Cyrus. */
export interface SaslOptions {
  /**
   * The SASL mechanisms that are on, in the server's own spelling. @default every mechanism that takes a password,
   * and those that the options are for
   */
  readonly mechanisms?: readonly string[];
  /** Password by name of those who may act for every user, who is their authorization identity then. */
  readonly masters?: Readonly<Record<string, string>>;
  /** EXTERNAL: clients are asked for a certificate, and its `commonName` is the user. @default false */
  readonly clientCertificates?: boolean;
  /** GSSAPI and GSS-SPNEGO: the realm of `Kdc`, which a user's name is without. */
  readonly kerberos?: KerberosRealm;
}

/** A real server on 127.0.0.1, all of its state in one temporary directory. */
export interface MailServer extends AsyncDisposable {
  /** What the server is called. */
  readonly name: string;
  readonly host: string;
  /** The port that speaks in clear and offers STLS. */
  readonly port: number;
  /** The port that speaks TLS from the first octet. */
  readonly tlsPort: number;
  /** The authority's certificate (PEM), for `tls.ca`. */
  readonly ca: string;
  /**
   * Puts messages into a user's maildrop, octets as they are but for the ends of lines, which become what the server
   * keeps them as. Message numbers follow the order of delivery. A session that is open does not see them.
   */
  deliver(user: string, messages: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void>;
  /** The messages that lie in a user's maildrop now, in order of delivery, as the server keeps them. */
  mailbox(user: string): Promise<Buffer[]>;
  /** What the server has said of itself until now. */
  log(): Promise<string>;
  /** Ends the server and removes its directory. */
  stop(): Promise<void>;
}
