// The local side of one user: a ledger and a Maildir. Also messages to fetch into them.
import { join } from "node:path";
import { expect } from "vitest";
import {
  fetchMail,
  FileLedger,
  Maildir,
  type FetchAccount,
  type FetchOptions,
  type FetchPolicy,
  type FetchReport,
} from "../../src/fetch/index.ts";
import type { Pop3ClientOptions } from "../../src/index.ts";
import { octetsIn } from "../support/folder.ts";
import { scratch } from "../support/scratch.ts";
import { servedOctets } from "../servers/dovecot.ts";
import { sha256 } from "./sha256.ts";
import { reach, type ServerAddress, type Transport } from "../servers/transport.ts";
import type { Wire } from "./wire.ts";

export const octets = (text: string): Buffer => Buffer.from(text, "latin1");
export const letter = (number: number): Buffer =>
  octets(`Subject: ${number}\r\n\r\n.\r\nThe ${number}. text.\r\n`);
export const letters = (count: number): Buffer[] =>
  Array.from({ length: count }, (_, index) => letter(index + 1));

/**
 * Messages that servers store and send in different forms, or with content that has a meaning for the
 * protocol, the operating system or mail software.
 */
export const awkward: readonly Buffer[] = [
  letter(1),
  octets("Subject: LF\n\n.\n..\nA line.\n"),
  octets("Subject: no end\r\n\r\nthe end"),
  octets(`Subject: octets\r\n\r\n\0\x01\x1b\x7f\x80\xff \r${String.fromCharCode(0xe4).repeat(3000)}\r\n`),
  octets("Subject: replies\r\n\r\n+OK\r\n-ERR\r\n.\r\n.\r\n\r\n"),
  // Beyond what is taken as one Buffer.
  octets(`Subject: large\r\n\r\n${`..${"x".repeat(996)}\r\n`.repeat(1000)}`),
  octets("Subject: no body\r\n\r\n"),
];

/** Sorted: a Maildir has no order. */
export const digests = (messages: readonly Buffer[]): string[] => messages.map(sha256).sort();
/** The same of what Dovecot sends for them. */
export const served = (messages: readonly Buffer[]): string[] => digests(messages.map(servedOctets));

export function accountOf(
  server: ServerAddress,
  transport: Transport = "plain",
  user = "ann",
): Pop3ClientOptions {
  return { ...reach(server, transport), auth: { user, pass: "secret", mechanism: "USER" } };
}

/** What one user has on the client's side: a ledger and a Maildir. Each run opens both again. */
export class Place {
  readonly directory: string;
  readonly #account: FetchAccount;

  private constructor(directory: string, account: FetchAccount) {
    this.directory = directory;
    this.#account = account;
  }

  static async for(account: FetchAccount): Promise<Place> {
    return new Place(await scratch(), account);
  }

  get ledger(): FileLedger {
    return new FileLedger(join(this.directory, "state"));
  }

  get maildir(): Maildir {
    return new Maildir(join(this.directory, "Mail"));
  }

  fetch(policy: FetchPolicy = {}, more: Partial<FetchOptions> = {}): Promise<FetchReport> {
    const { ledger, maildir: destination } = this;
    return fetchMail(this.#account, { ledger, destination, policy, mailbox: "ann", ...more });
  }

  /** The digests of the delivered messages. Also checks that no unfinished message is left. */
  async delivered(): Promise<string[]> {
    expect(await octetsIn(join(this.directory, "Mail/tmp"))).toEqual([]);
    return digests(await octetsIn(join(this.directory, "Mail/new")));
  }
}

/** The commands since the last look that asked for a message. */
export const retrievals = (wire: Wire): string[] =>
  wire.take().filter((command) => /^(?:RETR|TOP)/.test(command));
