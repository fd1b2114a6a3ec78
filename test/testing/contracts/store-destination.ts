// A correct destination over a place in memory that several processes could share: it recognises keys, respects fences,
// stores groups of messages together, and records them in the ledger; and flaws that can be built in.
import { setImmediate as turn } from "node:timers/promises";
import {
  DestinationError,
  type Committed,
  type Delivery,
  type DeliveryGroup,
  type DeliveryWriter,
  type Destination,
  type LedgerEntry,
  type MailboxLedger,
} from "../../../src/fetch/index.ts";
import { Store } from "./store-ledger.ts";

/** What an author may get wrong. */
export type DestinationFlaw =
  | "line ends are converted"
  | "a line end is added"
  | "text is decoded"
  | "the first piece is lost"
  | "abort leaves the message"
  | "abort leaves a temporary file"
  | "abort leaves a temporary file after prepare"
  | "abort rejects"
  | "a message shows before commit"
  | "a known message is stored again"
  | "a known message is replaced"
  | "two at once are stored twice"
  | "keys are cut"
  | "keys are forgotten after a restart"
  | "an aborted key is known"
  | "results of a group are mixed up"
  | "a group settles out of order"
  | "a group fails together"
  | "a group waits until it is full"
  | "a group loses its last message"
  | "abort ends the group"
  | "recorded without a record"
  | "recorded without the headers"
  | "a refused message is recorded"
  | "a refused message is stored"
  | "a failed write leaves a part"
  | "a failed write is stored"
  | "a stale fence is accepted"
  | "a late stale fence is accepted"
  | "fences are forgotten after a restart"
  | "one fence for all mailboxes"
  | "commit answers nothing"
  | "a writer without abort"
  | "headers are not stored"
  | "one buffer for all writers"
  | "an aborted commit leaves the message in doubt"
  | "the group has no number";

interface Message {
  readonly key: string;
  readonly octets: Buffer;
}

/** What a database or a directory would have. */
export class Place {
  /** The same database has a ledger. */
  readonly store: Store = new Store();
  readonly messages: Message[] = [];
  readonly temporary: Set<string> = new Set();
  readonly fences: Map<string, bigint> = new Map();
  readonly refused: Set<string> = new Set();
  isFull = false;
}

/** A message that waits for the others of its group. */
interface Waiting extends Message {
  readonly delivery: Delivery;
  readonly entry: LedgerEntry;
  readonly ledger: MailboxLedger;
  readonly signal: AbortSignal | undefined;
  readonly settle: (outcome: Committed | Error) => void;
}

/** What `store` is told. */
export interface Kind {
  readonly group?: DeliveryGroup | undefined;
  /** Whether it records the entry together with the message. */
  readonly records?: boolean;
}

/** How many turns of the event loop a sync takes: others come in the meantime. */
const SYNC = 30;

let files = 0;

export class StoreDestination implements Destination {
  readonly place: Place;
  readonly kind: Kind;
  readonly flaw: DestinationFlaw | undefined;
  readonly #fences: Map<string, bigint> = new Map();
  readonly #known: Set<string> = new Set();
  #group: Waiting[] = [];
  #storing: Promise<void> = Promise.resolve();
  #shared: Buffer[] = [];

  constructor(place: Place = new Place(), kind: Kind = {}, flaw?: DestinationFlaw) {
    this.place = place;
    this.kind = kind;
    this.flaw = flaw;
  }

  get group(): DeliveryGroup | undefined {
    const { group } = this.kind;
    return group !== undefined && this.flaw === "the group has no number"
      ? { ...group, messages: NaN }
      : group;
  }

  async begin(
    delivery: Delivery,
    signal: AbortSignal | undefined,
    ledger: MailboxLedger,
  ): Promise<DeliveryWriter | "known"> {
    const { flaw, place } = this;
    await turn();
    this.#checkFence(delivery);
    const key = flaw === "keys are cut" ? delivery.key.slice(0, 16) : delivery.key;
    if (this.#has(key)) return "known";
    if (flaw === "an aborted key is known") this.#known.add(key);
    const file = `${key}.${files++}`;
    place.temporary.add(file);
    const pieces = flaw === "one buffer for all writers" ? this.#shared : [];
    let nth = 0;
    const write = async (octets: Buffer): Promise<void> => {
      await turn();
      if (place.isFull && flaw !== "a failed write is stored")
        throw new DestinationError("full", { down: true });
      if (nth++ > 0 || flaw !== "the first piece is lost") pieces.push(octets);
      if (flaw === "a message shows before commit") this.#keep({ key, octets: Buffer.concat(pieces) });
    };
    const commit = async (entry: LedgerEntry): Promise<Committed> => {
      const octets = this.#converted(Buffer.concat(pieces));
      if (flaw === "one buffer for all writers") this.#shared = [];
      try {
        return await new Promise<Committed>((resolve, reject) => {
          const settle: Waiting["settle"] = (outcome) =>
            outcome instanceof Error ? reject(outcome) : resolve(outcome);
          this.#add({ key, octets, delivery, entry, ledger, signal, settle });
        });
      } finally {
        if (!place.isFull || flaw !== "a failed write leaves a part") place.temporary.delete(file);
      }
    };
    let prepared = false;
    const prepare = async (): Promise<void> => {
      await turn();
      prepared = true;
    };
    const abort = async (): Promise<void> => {
      await turn();
      if (flaw === "abort leaves the message") this.#keep({ key, octets: Buffer.concat(pieces) });
      if (flaw === "abort ends the group")
        for (const each of this.#group.splice(0)) each.settle(new Error("ended"));
      if (place.isFull && flaw === "a failed write leaves a part") return;
      const leaves =
        flaw === "abort leaves a temporary file" ||
        (prepared && flaw === "abort leaves a temporary file after prepare");
      if (!leaves) place.temporary.delete(file);
      if (flaw === "abort rejects") throw new Error("nothing to abort");
    };
    const writer = { write, prepare, commit, abort };
    if (flaw === "a writer without abort") return { write, commit } as unknown as DeliveryWriter;
    return writer;
  }

  /** Adds a message to the group that is stored next. */
  #add(waiting: Waiting): void {
    this.#group.push(waiting);
    const { messages = 1 } = this.kind.group ?? {};
    if (this.flaw === "a group waits until it is full" && this.#group.length < messages) return;
    this.#storing = this.#storing.then(() => this.#flush());
  }

  /** Stores all messages that have come while the group before was stored. */
  async #flush(): Promise<void> {
    // A sync takes its time.
    for (let at = 0; at < SYNC; at++) await turn();
    const group = this.#group.splice(0);
    const outcomes: (Committed | Error)[] = [];
    for (const waiting of group) outcomes.push(await this.#outcome(waiting));
    if (this.flaw === "a group fails together") {
      const failure = outcomes.find((outcome) => outcome instanceof Error);
      if (failure !== undefined) outcomes.fill(failure);
    }
    if (this.flaw === "results of a group are mixed up") outcomes.reverse();
    const order = group.map((waiting, at) => [waiting, outcomes[at] as Committed | Error] as const);
    if (this.flaw === "a group settles out of order") order.reverse();
    for (const [{ settle }, outcome] of order) settle(outcome);
  }

  /** Stores one message. */
  async #outcome(waiting: Waiting): Promise<Committed | Error> {
    const { key, octets, delivery, entry, ledger, signal } = waiting;
    const { flaw, place } = this;
    const answer = (result: "new" | "known"): Committed => {
      if (flaw === "commit answers nothing") return undefined as unknown as Committed;
      return this.kind.records === true || flaw?.startsWith("recorded") === true
        ? { recorded: result }
        : result;
    };
    if (signal?.aborted === true) {
      if (flaw === "an aborted commit leaves the message in doubt") this.#keep({ key, octets });
      return new Error("aborted");
    }
    if (place.isFull && flaw !== "a failed write is stored")
      return new DestinationError("full", { down: true });
    if (place.refused.has(delivery.key)) {
      if (flaw === "a refused message is stored") this.#keep({ key, octets });
      if (flaw === "a refused message is recorded") await ledger.record({ entries: [entry] });
      return new DestinationError("refused");
    }
    try {
      if (flaw !== "a late stale fence is accepted") this.#checkFence(delivery);
    } catch (error) {
      return error as Error;
    }
    if (this.#has(key) && flaw !== "two at once are stored twice") {
      if (this.kind.records === true) await ledger.record({ entries: [entry] });
      return answer("known");
    }
    const isLast = flaw === "a group loses its last message" && delivery.uid?.endsWith("3");
    if (isLast !== true && !(delivery.headersOnly && flaw === "headers are not stored"))
      this.#keep({ key, octets });
    this.#remember(delivery);
    if (this.kind.records === true || flaw === "recorded without the headers") {
      const { headers, ...less } = entry;
      const kept =
        flaw === "recorded without the headers" || headers === undefined ? less : { ...less, headers };
      await ledger.record({ entries: [kept] });
    }
    return answer("new");
  }

  #keep({ key, octets }: Message): void {
    if (this.flaw === "a known message is replaced") {
      const at = this.place.messages.findIndex((message) => message.key === key);
      if (at !== -1) this.place.messages.splice(at, 1);
    }
    this.place.messages.push({ key, octets });
    this.#known.add(key);
  }

  #has(key: string): boolean {
    if (this.flaw === "a known message is stored again" || this.flaw === "a known message is replaced")
      return false;
    if (this.flaw === "keys are forgotten after a restart" || this.flaw === "an aborted key is known")
      return this.#known.has(key);
    return this.place.messages.some((message) => message.key === key);
  }

  #checkFence({ mailbox, fence }: Delivery): void {
    if (this.flaw === "a stale fence is accepted") return;
    const fences = this.flaw === "fences are forgotten after a restart" ? this.#fences : this.place.fences;
    const name = this.flaw === "one fence for all mailboxes" ? "" : mailbox;
    if (fence < (fences.get(name) ?? 0n)) throw new DestinationError("the run has lost its mailbox");
  }

  #remember({ mailbox, fence }: Delivery): void {
    const name = this.flaw === "one fence for all mailboxes" ? "" : mailbox;
    this.#fences.set(name, fence);
    this.place.fences.set(name, fence);
  }

  #converted(octets: Buffer): Buffer {
    const text = octets.toString("latin1");
    switch (this.flaw) {
      case "line ends are converted":
        return Buffer.from(text.replaceAll("\r\n", "\n"), "latin1");
      case "a line end is added":
        return text.endsWith("\n") ? octets : Buffer.from(`${text}\r\n`, "latin1");
      case "text is decoded":
        return Buffer.from(octets.toString("utf8"));
      default:
        return octets;
    }
  }
}
