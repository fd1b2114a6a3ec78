// One test of a destination: delivers to a new place as a run does, and looks at what is stored.
import { isDeepStrictEqual } from "node:util";
import type { Delivery, DeliveryWriter, Destination } from "../../../fetch/destinations/destination.ts";
import type { LedgerEntry, MailboxLedger } from "../../../fetch/ledger/ledger.ts";
import { printable } from "../../../protocol/printable.ts";
import { Broken, Calls, keep, quiet, told } from "../calls.ts";
import type { Trial } from "../case.ts";
import { difference, resultOf } from "./answers.ts";
import type { DestinationContractOptions } from "./options.ts";
import { PlainLedger } from "./plain-ledger.ts";
import { keyOf, PIECES, piecesOf } from "./samples.ts";

export const ANN = "ann@pop.example.com:995";

/** How a test delivers a message. */
export interface How extends Partial<Pick<Delivery, "mailbox" | "fence" | "headersOnly" | "key">> {
  /** @default the destination of the test */
  readonly to?: Destination;
  readonly signal?: AbortSignal;
  /** The sizes of the pieces. */
  readonly sizes?: readonly number[];
}

/** A message on its way. */
export interface Begun {
  readonly writer: DeliveryWriter;
  readonly entry: LedgerEntry;
  readonly ledger: MailboxLedger;
  readonly name: string;
}

export class DestinationTrial implements Trial {
  readonly calls: Calls = new Calls();
  readonly destination: Destination;
  readonly #options: DestinationContractOptions;
  /** Messages that were neither committed nor aborted. */
  readonly #unfinished: Set<Begun> = new Set();
  /** The open ledgers of each destination, by mailbox. */
  readonly #ledgers: Map<Destination, Map<string, MailboxLedger>> = new Map();

  constructor(destination: Destination, options: DestinationContractOptions) {
    this.destination = destination;
    this.#options = options;
  }

  /** Whether the destination records into a ledger of its own: then one process at a time has a mailbox. */
  get hasLedger(): boolean {
    return this.#options.ledger !== undefined;
  }

  get knowsKeys(): boolean {
    return this.#options.knowsKeys === true;
  }

  get refusesEmpty(): boolean {
    return this.#options.refusesEmpty === true;
  }

  /** Another destination on the same place, as another process has it. The option `reopen` must be given. */
  async another(): Promise<Destination> {
    return (await this.#options.reopen?.(this.destination)) ?? this.destination;
  }

  /** The destination as it is after a restart: the runs before have ended. The option `reopen` must be given. */
  async restart(): Promise<Destination> {
    await this.#closeLedgers();
    return this.another();
  }

  /** The open ledger of a mailbox. */
  async ledgerOf(mailbox: string = ANN, to: Destination = this.destination): Promise<MailboxLedger> {
    const ledgers = this.#ledgers.get(to) ?? new Map<string, MailboxLedger>();
    this.#ledgers.set(to, ledgers);
    const held =
      ledgers.get(mailbox) ?? (await this.#options.ledger?.(to).open(mailbox)) ?? new PlainLedger();
    ledgers.set(mailbox, held);
    return held;
  }

  /** Begins a message. Resolves with `"known"` or with its writer. */
  async tryBegin(name: string, size: number | undefined, how: How = {}): Promise<Begun | "known"> {
    const { to = this.destination, signal, sizes: _, ...more } = how;
    const ledger = await this.ledgerOf(how.mailbox, to);
    const headersOnly = how.headersOnly === true;
    const base: Delivery = {
      key: keyOf(name),
      mailbox: ANN,
      uid: name,
      size,
      headersOnly,
      fence: ledger.fence,
    };
    const delivery: Delivery = { ...base, ...more };
    const begun: unknown = await this.calls.settled(`begin() of "${name}"`, () =>
      to.begin(delivery, signal, ledger),
    );
    if (begun === "known") return "known";
    const writer = begun as DeliveryWriter;
    for (const method of ["write", "commit", "abort"] as const)
      if (typeof (begun as Partial<DeliveryWriter> | undefined)?.[method] !== "function")
        throw new Broken(
          `begin() must resolve with "known" or a writer, and the writer has no method ${method}`,
        );
    const status = headersOnly ? "headers" : "delivered";
    const entry: LedgerEntry = {
      id: name,
      status,
      firstSeen: 1_760_000_000_000,
      size: size ?? 0,
      headers: keyOf(`headers of ${name}`),
    };
    const message = { writer, entry, ledger, name };
    this.#unfinished.add(message);
    return message;
  }

  /** Begins a message that is not known yet. */
  async begin(name: string, how: How = {}): Promise<Begun> {
    const begun = await this.tryBegin(name, undefined, how);
    if (begun === "known")
      throw new Broken(`begin() of "${name}" must give a writer, but resolved with "known"`);
    return begun;
  }

  /** Begins a message that may be refused: then there is no writer. */
  async ifBegun(name: string, how: How): Promise<Begun | undefined> {
    try {
      return await this.begin(name, how);
    } catch (error) {
      if (error instanceof Broken) throw error;
      return undefined;
    }
  }

  async write({ writer, name }: Begun, message: Buffer, sizes: readonly number[] = PIECES): Promise<void> {
    for (const piece of piecesOf(message, sizes))
      await this.calls.settled(`write() of "${name}"`, () => writer.write(piece));
  }

  async prepare({ writer, name }: Begun): Promise<void> {
    if (writer.prepare !== undefined)
      await this.calls.settled(`prepare() of "${name}"`, () => writer.prepare?.());
  }

  async commitOnly(begun: Begun): Promise<"new" | "known"> {
    const { writer, name, entry, ledger } = begun;
    this.#unfinished.delete(begun);
    const what = `commit() of "${name}"`;
    const committed: unknown = await this.calls.settled(what, () => writer.commit(entry));
    const { result, recorded } = resultOf(committed, what);
    if (recorded) await this.#isRecorded(entry, ledger, result);
    return result;
  }

  async abort(begun: Begun): Promise<void> {
    const { writer, name } = begun;
    this.#unfinished.delete(begun);
    await this.calls.resolved(`abort() of "${name}"`, () => writer.abort());
  }

  /** Delivers a message as a run does. Rejects with what the destination rejects with. */
  async tryDeliver(name: string, message: Buffer, how: How = {}): Promise<"new" | "known"> {
    const begun = await this.tryBegin(name, message.length, how);
    return begun === "known" ? "known" : this.finish(begun, message, how.sizes);
  }

  /** Does the rest of a delivery as a run does it. Rejects with what the destination rejects with. */
  async finish(begun: Begun, message: Buffer, sizes?: readonly number[]): Promise<"new" | "known"> {
    try {
      await this.write(begun, message, sizes);
    } catch (error) {
      await this.abort(begun);
      throw error;
    }
    return this.complete(begun);
  }

  /**
   * Does what follows the last byte. In a group, a run begins the next message in the meantime. `onCommit` is
   * called when `commit` is.
   */
  complete(begun: Begun, onCommit?: () => void): Promise<"new" | "known"> {
    return quiet(this.#complete(begun, onCommit));
  }

  async #complete(begun: Begun, onCommit?: () => void): Promise<"new" | "known"> {
    try {
      await this.prepare(begun);
    } catch (error) {
      await this.abort(begun);
      throw error;
    }
    onCommit?.();
    return this.commitOnly(begun);
  }

  /** Waits for a delivery that may be refused. Gives `undefined` if the destination rejects. */
  async outcome(delivery: Promise<"new" | "known">): Promise<"new" | "known" | undefined> {
    try {
      return await delivery;
    } catch (error) {
      if (error instanceof Broken) throw error;
      return undefined;
    }
  }

  /** Delivers a message that must be stored. */
  async deliver(name: string, message: Buffer, how: How = {}): Promise<void> {
    const result = await this.#delivered(name, message, how);
    keep(result === "new", `the delivery of "${name}", which is new, must give "new" (got "known")`);
  }

  /** Delivers a message that must be recognised. */
  async deliverAgain(name: string, message: Buffer, how: How = {}): Promise<void> {
    const result = await this.#delivered(name, message, how);
    keep(
      result === "known",
      `the delivery of "${name}", which is stored already, must give "known" (got "new")`,
    );
  }

  async #delivered(name: string, message: Buffer, how: How): Promise<"new" | "known"> {
    try {
      return await this.tryDeliver(name, message, how);
    } catch (cause) {
      if (cause instanceof Broken) throw cause;
      throw new Broken(`the delivery of "${name}" must succeed, but was rejected with ${told(cause)}`, {
        cause,
      });
    }
  }

  /** Checks which messages are stored. Only their number counts if it is not said what is kept of them. */
  async stores(messages: readonly Buffer[], when: string): Promise<void> {
    const { messages: read, keeps } = this.#options;
    if (read === undefined) return;
    const stored = (await read(this.destination)).map((each) => Buffer.from(each));
    keep(
      stored.length === messages.length,
      `${when}, ${messages.length} messages must be stored (there are ${stored.length})`,
    );
    if (keeps === undefined) return;
    for (const message of messages) {
      const expected = keeps === "bytes" ? message : Buffer.from(keeps(message));
      const at = stored.findIndex((each) => each.equals(expected));
      if (at === -1) throw new Broken(`${when}, ${difference(expected, stored)}`);
      stored.splice(at, 1);
    }
  }

  /** What is stored, by name; for a comparison later. */
  async contents(): Promise<readonly string[]> {
    return [...((await this.#options.contents?.(this.destination)) ?? [])].sort();
  }

  /** Checks that nothing has come and gone. */
  async hasOnly(before: readonly string[], when: string): Promise<void> {
    const now = await this.contents();
    if (isDeepStrictEqual(now, before)) return;
    const more = now.filter((name) => !before.includes(name)).map((name) => printable(name));
    const less = before.filter((name) => !now.includes(name)).map((name) => printable(name));
    const lists = `there is ${more.join(", ") || "nothing"} more, and ${less.join(", ") || "nothing"} less`;
    throw new Broken(`${when}, the place must have what it had before: ${lists}`, {
      actual: now,
      expected: before,
    });
  }

  /** Checks that the ledger has no entry of a message that is not stored. */
  async isUnrecorded({ entry, ledger }: Begun, when: string): Promise<void> {
    const has = (await ledger.load()).has(entry.id);
    keep(!has, `${when}, the ledger must have no entry of the message: it would never be fetched again`);
  }

  async breakWrites(): Promise<() => Promise<void>> {
    const repair = await this.#options.failWrites?.(this.destination);
    return async () => {
      await repair?.();
    };
  }

  async refuse(name: string): Promise<void> {
    await this.#options.refuse?.(this.destination, keyOf(name));
  }

  async end(): Promise<void> {
    // Exactly one of `commit` and `abort` is called: files are closed then.
    for (const begun of this.#unfinished) await this.abort(begun).catch(() => undefined);
    await this.#closeLedgers().catch(() => undefined);
    await this.#options.remove?.(this.destination);
  }

  async #closeLedgers(): Promise<void> {
    const held = [...this.#ledgers.values()].flatMap((ledgers) => [...ledgers.values()]);
    this.#ledgers.clear();
    for (const each of held) await each.close();
  }

  async #isRecorded(entry: LedgerEntry, ledger: MailboxLedger, result: "new" | "known"): Promise<void> {
    const found = (await this.calls.resolved("load() of the ledger", () => ledger.load())).get(entry.id);
    if (found === undefined)
      throw new Broken("commit() has answered { recorded }, but the ledger has no entry of the message");
    // A message that was known may have been recorded before.
    if (result === "new" && !isDeepStrictEqual({ ...found }, { ...entry }))
      throw new Broken(
        "commit() has answered { recorded }, but the entry in the ledger is not the one it was given",
        {
          actual: found,
          expected: entry,
        },
      );
  }
}
