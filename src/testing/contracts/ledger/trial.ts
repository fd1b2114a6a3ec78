// One test of a ledger: opens mailboxes of a new store, and closes at the end what is still open.
import { isDeepStrictEqual } from "node:util";
import { Pop3Error } from "../../../errors.ts";
import type {
  Ledger,
  LedgerChanges,
  LedgerEntry,
  LedgerOpenOptions,
  LedgerSnapshot,
  MailboxLedger,
} from "../../../fetch/ledger/ledger.ts";
import { Broken, Calls, keep } from "../calls.ts";
import { NotApplicable, type Trial } from "../case.ts";
import type { LedgerContractOptions } from "./options.ts";
import { differences, plain } from "./values.ts";

export const ANN = "ann@pop.example.com:995";
export const BEA = "bea@pop.example.com:995";

/** Lets everything happen that needs no I/O. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** How often a take-over is tried: the holder may renew its lease in between. */
const TAKE_OVERS = 100;

/** What a mailbox must have. */
interface Expected {
  readonly entries?: readonly LedgerEntry[];
  readonly state?: object;
}

export class LedgerTrial implements Trial {
  readonly calls: Calls = new Calls();
  readonly ledger: Ledger;
  readonly #options: LedgerContractOptions;
  readonly #opened: MailboxLedger[] = [];

  constructor(ledger: Ledger, options: LedgerContractOptions) {
    this.ledger = ledger;
    this.#options = options;
  }

  /** Another ledger on the same store, if the author gives one. Otherwise the same. */
  async another(): Promise<Ledger> {
    return (await this.#options.reopen?.(this.ledger)) ?? this.ledger;
  }

  async open(mailbox: string = ANN, from: Ledger = this.ledger): Promise<MailboxLedger> {
    const held = await this.calls.resolved(`open("${mailbox}")`, () => from.open(mailbox));
    return this.#isOpen(held);
  }

  /** Opens what may be held or aborted. Resolves with the error that it rejects with. */
  async tryOpen(
    mailbox: string,
    from: Ledger = this.ledger,
    options?: LedgerOpenOptions,
  ): Promise<{ readonly held: MailboxLedger } | { readonly error: unknown }> {
    try {
      const held = await this.calls.settled(`open("${mailbox}")`, () => from.open(mailbox, options));
      return { held: this.#isOpen(held) };
    } catch (error) {
      if (error instanceof Broken) throw error;
      return { error };
    }
  }

  /** Opens a mailbox that is held. */
  async busy(why: string, mailbox: string = ANN, from: Ledger = this.ledger): Promise<void> {
    await this.calls.rejectedWith(`open("${mailbox}") ${why}`, ["POP3_MAILBOX_BUSY"], async () => {
      this.#opened.push(await from.open(mailbox));
    });
  }

  /** Another run takes a mailbox from its holder, whose lease has run out. */
  async takeOver(mailbox: string = ANN): Promise<MailboxLedger> {
    const other = await this.another();
    for (let at = 0; at < TAKE_OVERS; at++) {
      await this.calls.resolved("the option expire()", () => this.#options.expire?.(this.ledger, mailbox));
      const outcome = await this.tryOpen(mailbox, other);
      if ("held" in outcome) return outcome.held;
      if (!Pop3Error.is(outcome.error) || outcome.error.code !== "POP3_MAILBOX_BUSY")
        throw new Broken("open() must take over a mailbox whose lease has run out", { cause: outcome.error });
    }
    throw new Broken(
      "open() must take over a mailbox whose lease has run out, but rejects with POP3_MAILBOX_BUSY",
    );
  }

  record(held: MailboxLedger, changes: LedgerChanges): Promise<void> {
    return this.calls.resolved("record()", () => held.record(changes));
  }

  close(held: MailboxLedger, changes?: LedgerChanges): Promise<void> {
    const what = changes === undefined ? "close()" : "close(changes)";
    return this.calls.resolved(what, () => (changes === undefined ? held.close() : held.close(changes)));
  }

  async load(held: MailboxLedger): Promise<Map<string, LedgerEntry>> {
    const entries: unknown = await this.calls.resolved("load()", () => held.load());
    keep(entries instanceof Map, "load() must resolve with a Map");
    for (const [id, entry] of entries as Map<string, LedgerEntry>)
      keep(
        id === entry.id,
        `load() must have each entry by its id, but has ${JSON.stringify(entry.id)} by another`,
      );
    return entries as Map<string, LedgerEntry>;
  }

  read(mailbox: string = ANN, from: Ledger = this.ledger): Promise<LedgerSnapshot> {
    return this.calls.resolved(`read("${mailbox}")`, () => from.read(mailbox));
  }

  /** Makes every write fail. Returns what ends that. */
  async breakWrites(): Promise<() => Promise<void>> {
    const repair = await this.#options.failWrites?.(this.ledger);
    return async () => {
      await repair?.();
    };
  }

  async tear(mailbox: string = ANN): Promise<void> {
    await this.calls.resolved("the option tear()", () => this.#options.tear?.(this.ledger, mailbox));
  }

  /** Whether a lease can be made to run out. */
  get canExpire(): boolean {
    return this.#options.expire !== undefined;
  }

  /** A method that a ledger need not have. */
  optional<K extends "mailboxes" | "delete" | "rename">(name: K): NonNullable<Ledger[K]> {
    const method = this.ledger[name];
    if (method === undefined) throw new NotApplicable(`the ledger has no ${name}()`);
    return method.bind(this.ledger) as NonNullable<Ledger[K]>;
  }

  /** Checks what a mailbox has, when it is read and when it is opened next. */
  async has(expected: Expected, when: string, mailbox: string = ANN): Promise<void> {
    await this.reads(expected, when, mailbox);
    const held = await this.open(mailbox);
    await this.holds(held, expected, when);
    await this.close(held);
  }

  /** Checks what `read` gives. */
  async reads(expected: Expected, when: string, mailbox: string = ANN, from?: Ledger): Promise<void> {
    const { entries, state } = await this.read(mailbox, from);
    this.isSame({ entries: [...entries.values()], state }, expected, `${when}, read() gives`);
  }

  /** Checks what an open mailbox gives. */
  async holds(held: MailboxLedger, expected: Expected, when: string): Promise<void> {
    const entries = [...(await this.load(held)).values()];
    this.isSame({ entries, state: held.state }, expected, `${when}, the next open() gives`);
  }

  isSame(actual: Expected, { entries, state }: Expected, prefix: string): void {
    if (entries !== undefined) {
      const different = differences(actual.entries ?? [], entries);
      if (different.length > 0)
        throw new Broken(`${prefix} ${different.slice(0, 3).join("; ")}`, { actual, expected: entries });
    }
    if (state !== undefined && !isDeepStrictEqual(plain(actual.state), plain(state)))
      throw new Broken(
        `${prefix} the state ${JSON.stringify(plain(actual.state))}, and not ${JSON.stringify(state)}`,
        { actual: actual.state, expected: state },
      );
  }

  async end(): Promise<void> {
    for (const held of this.#opened) await held.close().catch(() => undefined);
    await this.#options.remove?.(this.ledger);
  }

  #isOpen(held: MailboxLedger): MailboxLedger {
    this.#opened.push(held);
    keep(
      typeof held.fence === "bigint",
      `open() must give a fence that is a bigint (got ${typeof held.fence})`,
    );
    keep(typeof held.takenOver === "boolean", "open() must give takenOver: true or false");
    keep(typeof held.lost.aborted === "boolean", "open() must give lost: an AbortSignal");
    keep(typeof held.state === "object", "open() must give a state: {} if nothing was recorded");
    return held;
  }
}
