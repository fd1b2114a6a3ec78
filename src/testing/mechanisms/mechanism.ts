// What a SASL mechanism (RFC 4422) is to the server: a function that gives challenges and takes responses.
import type { Account, Accounts } from "../accounts.ts";

/** What TLS tells of a connection. */
export interface TlsFacts {
  /**
   * The data of a channel binding (RFC 5929, RFC 9266): `tls-exporter`, `tls-unique`, `tls-server-end-point`.
   * `undefined` where the connection has none of that type.
   */
  channelBinding(type: string): Buffer | undefined;
  /** The common name in the client's certificate, where it sent one that the server trusts. */
  readonly clientName: string | undefined;
}

/** What a mechanism may know of the session in which it is asked for. */
export interface SaslSession {
  /** `undefined` without TLS. */
  readonly tls: TlsFacts | undefined;
  /** The names of the mechanisms that can be had in it, in the order in which they are listed. */
  readonly listed: readonly string[];
}

/** One way to authenticate with AUTH (RFC 5034). */
export interface ServerMechanism {
  /** As CAPA lists it, in upper case. */
  readonly name: string;
  /** Whether the client may answer the first challenge, which tells it nothing, before it is sent. */
  readonly initialResponse: boolean;
  /** Whether it can be had on such a connection; where not, it is neither listed nor known. @default always */
  available?(tls: TlsFacts | undefined): boolean;
  /**
   * Yields challenges, is resumed with responses, and returns who has logged in: `undefined` for a wrong name or
   * secret, or a text of its own to go behind `-ERR`. An initial response answers the first challenge, which is
   * not sent then.
   */
  exchange(accounts: Accounts, session: SaslSession): Exchange;
}

export type Exchange = Generator<Buffer, Account | string | undefined, Buffer>;

/** What invites the client to speak first (RFC 5034 section 4). */
export const EMPTY: Buffer = Buffer.alloc(0);
