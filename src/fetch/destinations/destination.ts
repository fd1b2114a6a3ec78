// The interface of a destination: it stores a message under a key, completely or not at all, and recognises
// the key if the message comes again.
import type { LedgerEntry, MailboxLedger } from "../ledger/ledger.ts";
import { argumentError, checkObject, checkSignal, checkText } from "../../options/checks.ts";

/** Describes a message to a destination, before its content arrives. */
export interface Delivery {
  /**
   * Identifies the message: 64 hexadecimal digits. The same message has the same key in every run, so a
   * destination that already has the key need not store the message again.
   */
  readonly key: string;
  /** The mailbox: `ann@pop.example.com:995`, or the name from the configuration. */
  readonly mailbox: string;
  /**
   * The unique-id, if the server reports one. It is text from the server: do not use it as a part of a file
   * name.
   */
  readonly uid: string | undefined;
  /** The size as reported by LIST; bytes. Servers may estimate it. */
  readonly size: number | undefined;
  /** Whether only the headers are delivered, because the message is larger than the policy allows. */
  readonly headersOnly: boolean;
  /** The fence of the run's lease, see {@link MailboxLedger.fence}. */
  readonly fence: bigint;
}

/** Throws `POP3_INVALID_ARGUMENT` if a destination is called with anything else. */
export function checkDelivery(delivery: Delivery, signal?: AbortSignal): void {
  checkObject("delivery", delivery, argumentError);
  checkText("delivery.key", delivery.key, argumentError);
  checkText("delivery.mailbox", delivery.mailbox, argumentError);
  checkSignal("signal", signal, argumentError);
}

/** Stores one message. Exactly one of `commit` and `abort` is called, once, whatever happens in between. */
export interface DeliveryWriter {
  /**
   * Takes the next octets, in order. The next call waits for the returned promise. The writer owns the Buffer
   * from then on.
   */
  write(octets: Buffer): Promise<void> | void;
  /**
   * Optional. Called when all octets have been written. It does the slow part of `commit` that no other
   * program can see, such as a sync. After it, and directly before `commit`, the run confirms that it still
   * holds the mailbox. If it rejects, `abort` is called.
   */
  prepare?(): Promise<void>;
  /**
   * Called when the message is complete, with the entry that the ledger is about to record. Resolves when the
   * message will survive a crash, with `"known"` if it was already there. A destination that has written the
   * entry itself, in one transaction with the message, resolves with `{ recorded }`: then the entry is not
   * recorded again. Rejects if the message could not be stored; nothing of it remains then.
   */
  commit(entry: LedgerEntry): Promise<Committed>;
  /** Called if the message did not arrive completely. Removes everything that was written. Never rejects. */
  abort(): Promise<void>;
}

/** The result of {@link DeliveryWriter.commit}. */
export type Committed =
  | "new"
  | "known"
  | {
      /** The destination has written the entry of the ledger itself, together with the message. */
      readonly recorded: "new" | "known";
    };

/** How many messages a destination takes at a time. */
export interface DeliveryGroup {
  /** The largest number of messages that are not yet committed. */
  readonly messages: number;
  /** Their largest total size; bytes. A larger message is delivered alone. */
  readonly bytes: number;
}

/** A place to which messages are delivered. */
export interface Destination {
  /**
   * Optional. If set, the run may begin the next message before the `commit` of the ones before it has settled,
   * within these limits. The destination can then make several messages durable together. The run treats the
   * results in the order of the messages. Without it, the run waits for each `commit`.
   */
  readonly group?: DeliveryGroup | undefined;
  /**
   * Begins to store a message. Resolves with `"known"` if it was stored before; its content is not sent then.
   * Rejects with {@link DestinationError} or any other error if the message cannot be stored. `ledger` is the
   * open ledger of the mailbox, for a destination that writes into the same database.
   */
  begin(
    delivery: Delivery,
    signal: AbortSignal | undefined,
    ledger: MailboxLedger,
  ): Promise<DeliveryWriter | "known">;
}
