// A case is a session as a server plays it: fixed octets for each command, for every client. Octets are
// written as Latin-1.

/**
 * `login`: the two replies to USER and PASS. `text`: not a command, but a line whose text a client returns
 * unchanged.
 */
export type Command = "greeting" | "login" | "RETR" | "LIST" | "UIDL" | "STAT" | "NOOP" | "text";

/** A command, and everything that the server sends for it. */
export interface Exchange {
  readonly command: Command;
  readonly reply: string;
  /** Whether the end of the connection ends the block, too: never by the RFC. */
  readonly endsAtClose?: true;
}

export interface Case {
  readonly name: string;
  /** Sent one after the other, in one session. Without `greeting` and `login`, the usual ones are sent. */
  readonly exchanges: readonly Exchange[];
  /** The most octets in a packet. @default all of a reply */
  readonly packet?: number;
  /** The message that was sent, if a server may send it: all such cases share one session. */
  readonly message?: string;
}

/** What a client makes of a reply: its message, its listing, its text, or `null` for an error. */
export type Outcome = string | null;

/** The replies to these are a line and a block. */
export function hasBlock({ command }: Exchange): boolean {
  return command === "RETR" || command === "LIST" || command === "UIDL";
}

/** A listing as it is compared: as a server should write it. */
export function listingText(entries: ReadonlyMap<number, number | string>): string {
  return Array.from(entries, ([message, value]) => `${message} ${value}\r\n`).join("");
}
