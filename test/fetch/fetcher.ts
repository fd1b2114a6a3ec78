// Run after run over one mailbox: the ledger, what came, and what was told.
import { expect } from "vitest";
import type { Pop3ClientOptions } from "popwright";
import type { Pop3Server } from "popwright/testing";
import {
  fetchMail,
  FetchError,
  MemoryLedger,
  type FetchEvent,
  type FetchOptions,
  type FetchReport,
  type Ledger,
  type LedgerEntry,
  type MailboxState,
} from "../../src/fetch/index.ts";
import { accountOf, Inbox } from "../support/mail.ts";
import { ledgerWith } from "../support/ledger.ts";

export class Fetcher {
  readonly ledger: MemoryLedger = new MemoryLedger();
  readonly inbox: Inbox = new Inbox();
  readonly events: FetchEvent[] = [];
  readonly #server: Pop3Server;
  readonly #usual: Partial<FetchOptions>;
  readonly #account: Partial<Pop3ClientOptions>;

  /** `usual`: what each run is given, if it is not given something else; `account`: more options of the client. */
  constructor(
    server: Pop3Server,
    {
      account = {},
      ...usual
    }: Partial<FetchOptions> & { readonly account?: Partial<Pop3ClientOptions> } = {},
  ) {
    this.#server = server;
    this.#usual = usual;
    this.#account = account;
  }

  get mailbox(): string {
    return `ann@127.0.0.1:${String(this.#server.port)}`;
  }

  run(options: Partial<FetchOptions> = {}): Promise<FetchReport> {
    const account = { ...accountOf(this.#server), ...this.#account };
    return fetchMail(account, {
      ledger: this.ledger,
      destination: this.inbox.deliver,
      onEvent: (event) => void this.events.push(event),
      ...this.#usual,
      ...options,
    });
  }

  /** A run that is to fail. After it the server has seen the end of its sessions. */
  async failure(options: Partial<FetchOptions> = {}): Promise<FetchError> {
    const error: unknown = await this.run(options).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FetchError);
    await this.#server.idle();
    return error as FetchError;
  }

  /** What the ledger records. */
  async known(): Promise<{ readonly entries: LedgerEntry[]; readonly state: MailboxState }> {
    const { entries, state } = await this.ledger.read(this.mailbox);
    return { entries: [...entries.values()], state };
  }

  /** The ledger, as if the process of the last run had died. */
  get takenOver(): Ledger {
    return ledgerWith(() => ({ takenOver: true }), this.ledger);
  }

  /** As if an earlier run had left this. */
  async remember(state: MailboxState, entries: readonly LedgerEntry[] = []): Promise<void> {
    const ledger = await this.ledger.open(this.mailbox);
    await ledger.record({ state, entries });
    await ledger.close();
  }
}
