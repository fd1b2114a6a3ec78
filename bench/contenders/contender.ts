// What is compared: clients behind one interface, each doing it the way its own documentation says.

/** Where to, and as whom. */
export interface Target {
  readonly port: number;
  /** The certificate to trust (PEM); `undefined`: no TLS. */
  readonly ca: string | undefined;
  /** The name of the user, and so that of the mailbox. */
  readonly mailbox: string;
  /** A TLS session to be resumed. */
  readonly session?: Buffer;
}

export const HOST = "127.0.0.1";
/** The name in the certificate: an address is no server name (RFC 6066 section 3). */
export const SERVER_NAME = "localhost";
export const PASS = "secret";

/** A message as a client gives it to its caller. */
export type Taken = Buffer | string;

export interface ContenderSession {
  /** What of a retrieval is not RETR: the listings that a client wants to have beforehand. */
  prepare?(): Promise<void>;
  /** RETR of the messages from 1 to `count`, in order. */
  retrieve(count: number, take: (message: Taken) => void): Promise<void>;
  /** RETR of message 1, in pieces, where the client can do that. `take` says whether it wants more. */
  stream?(take: (octets: Buffer) => boolean): Promise<void>;
  /** The whole listing, as the client gives it. */
  uidl?(): Promise<unknown>;
  list?(): Promise<unknown>;
  quit(): Promise<void>;
}

export interface Contender {
  readonly name: string;
  /** Connects and logs in. */
  open(target: Target): Promise<ContenderSession>;
}
