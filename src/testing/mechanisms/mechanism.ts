// The server's side of a SASL mechanism (RFC 4422): a generator that yields challenges and receives
// responses.
import type { Account, Accounts } from "../accounts.ts";

/** The facts that TLS provides about a connection. */
export interface TlsFacts {
  /**
   * Returns the data of a channel binding (RFC 5929, RFC 9266): `tls-exporter`, `tls-unique` or
   * `tls-server-end-point`. Returns `undefined` if the connection does not have this type.
   */
  channelBinding(type: string): Buffer | undefined;
  /**
   * The common name in the client's certificate; `undefined` without a certificate that the server trusts.
   */
  readonly clientName: string | undefined;
}

/** The facts about the session that a mechanism may use. */
export interface SaslSession {
  /** `undefined` without TLS. */
  readonly tls: TlsFacts | undefined;
  /** The names of the mechanisms that are available in the session, in the order in which CAPA lists them. */
  readonly listed: readonly string[];
}

/** One way to authenticate with AUTH (RFC 5034). */
export interface ServerMechanism {
  /** The name in CAPA, in upper case. */
  readonly name: string;
  /** Whether the client may send an initial response, instead of waiting for an empty first challenge. */
  readonly initialResponse: boolean;
  /** Returns whether the mechanism is available on a connection. If not, it is not listed. @default always */
  available?(tls: TlsFacts | undefined): boolean;
  /**
   * Yields challenges, receives the responses, and returns the account that logged in. It returns `undefined`
   * for a wrong name or secret, or a text for `-ERR`. An initial response answers the first challenge, which
   * is then not sent.
   */
  exchange(accounts: Accounts, session: SaslSession): Exchange;
}

/** An exchange of a mechanism: yields challenges, receives responses, and returns who has logged in. */
export type Exchange = Generator<Buffer, Account | string | undefined, Buffer>;

/** An empty challenge: the client speaks first (RFC 5034 section 4). */
export const EMPTY: Buffer = Buffer.alloc(0);
