// The interface of the compared clients. Each is used as its own documentation says.

import { rootCertificates } from "node:tls";

/** The server and the user to log in as. */
export interface Target {
  readonly port: number;
  /** The certificate to trust (PEM); `undefined`: no TLS. */
  readonly ca: string | undefined;
  /** Whether to trust the certificates of Node as well: about 140, which take long to parse. */
  readonly bundle?: boolean;
  /** The name of the user, which is also the name of the mailbox. */
  readonly mailbox: string;
  /** A TLS session to resume. */
  readonly session?: Buffer;
}

export const HOST = "127.0.0.1";
/** The name in the certificate. SNI does not allow an IP address (RFC 6066 section 3). */
export const SERVER_NAME = "localhost";
export const PASS = "secret";

/** Returns the certificates to trust, for the option `ca`. */
export function trusted({ ca, bundle }: Target): string | string[] | undefined {
  return bundle === true && ca !== undefined ? [...rootCertificates, ca] : ca;
}

/** A message as the client returns it. */
export type Taken = Buffer | string;

export interface ContenderSession {
  /** Runs the commands that the client needs before RETR, such as a listing. */
  prepare?(): Promise<void>;
  /** Retrieves the messages from 1 to `count`, in order. */
  retrieve(count: number, take: (message: Taken) => void): Promise<void>;
  /** Retrieves message 1 in pieces, if the client supports that. `take` returns whether it wants more. */
  stream?(take: (octets: Buffer) => boolean): Promise<void>;
  /** Requests the whole listing, in the form that the client returns. */
  uidl?(): Promise<unknown>;
  list?(): Promise<unknown>;
  quit(): Promise<void>;
}

export interface Contender {
  readonly name: string;
  /** Connects and logs in. */
  open(target: Target): Promise<ContenderSession>;
}
