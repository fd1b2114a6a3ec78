// A destination that refuses, hangs and breaks, around one that does not.
import {
  DestinationError,
  type Committed,
  type Delivery,
  type DeliveryWriter,
  type Destination,
  type LedgerEntry,
} from "../../../src/fetch/index.ts";

export type Trouble =
  | "delivery refused"
  | "delivery refused for now"
  | "destination down"
  | "delivery breaks off"
  /** The message is stored, and the caller does not learn it. */
  | "delivery answer lost"
  /** It takes this time; milliseconds. */
  | number;

type AskTrouble = (step: string) => Trouble | undefined;

/** What a destination is told, and whom it tells what it does. */
interface Watcher {
  readonly trouble: AskTrouble | undefined;
  readonly onBegin: (delivery: Delivery) => void;
}

export function troubled(destination: Destination, { trouble, onBegin }: Watcher): Destination {
  return {
    group: destination.group,
    begin: (delivery, signal, ledger) => {
      onBegin(delivery);
      if (trouble === undefined) return destination.begin(delivery, signal, ledger);
      return suffer(trouble("begin"))
        .then(() => destination.begin(delivery, signal, ledger))
        .then((writer) => (writer === "known" ? writer : new TroubledWriter(writer, trouble)));
    },
  };
}

class TroubledWriter implements DeliveryWriter {
  readonly #writer: DeliveryWriter;
  readonly #trouble: AskTrouble;
  readonly prepare?: () => Promise<void>;
  #hasBegun = false;

  constructor(writer: DeliveryWriter, trouble: AskTrouble) {
    this.#writer = writer;
    this.#trouble = trouble;
    if (writer.prepare !== undefined) this.prepare = () => writer.prepare?.() ?? Promise.resolve();
  }

  write(octets: Buffer): Promise<void> | void {
    if (this.#hasBegun) return this.#writer.write(octets);
    this.#hasBegun = true;
    const trouble = this.#trouble("write");
    if (trouble === undefined) return this.#writer.write(octets);
    return suffer(trouble).then(() => this.#writer.write(octets));
  }

  async commit(entry: LedgerEntry): Promise<Committed> {
    const trouble = this.#trouble("commit");
    if (trouble === "delivery answer lost") {
      await this.#writer.commit(entry);
      throw new DestinationError("no answer came", { later: true });
    }
    try {
      await suffer(trouble);
    } catch (error) {
      await this.#writer.abort();
      throw error;
    }
    return this.#writer.commit(entry);
  }

  abort(): Promise<void> {
    return this.#writer.abort();
  }
}

async function suffer(trouble: Trouble | undefined): Promise<void> {
  if (typeof trouble === "number") return new Promise((resolve) => setTimeout(resolve, trouble));
  if (trouble === "delivery refused") throw new DestinationError("this message is not wanted");
  if (trouble === "delivery refused for now") throw new DestinationError("not now", { later: true });
  if (trouble === "destination down") throw new DestinationError("it is down", { down: true });
  if (trouble !== undefined) throw new Error("the destination is broken");
}
