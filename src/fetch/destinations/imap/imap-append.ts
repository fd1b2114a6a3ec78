// Delivers into a folder of an IMAP server, each message once, also after a crash.
import { throwIfAborted } from "../../../net/failures.ts";
import {
  checkDelivery,
  type Delivery,
  type DeliveryGroup,
  type DeliveryWriter,
  type Destination,
} from "../destination.ts";
import type { DestinationCheck } from "../destination-check.ts";
import { inMemory } from "../in-memory.ts";
import { Appender } from "./appender.ts";
import { checkFolder } from "./check-folder.ts";
import { completeImapOptions, type ImapAppendOptions, type ImapSettings } from "./imap-options.ts";

/** How many messages for each connection the run may retrieve ahead. */
const AHEAD = 8;

/** The largest total size of these messages; bytes. */
const AHEAD_BYTES = 8 * 1024 * 1024;

/**
 * Appends each message to a folder of an IMAP server, which is created if it is missing. The folder has each message once
 * and unchanged, even if this process or the connection dies at any moment. Its time (INTERNALDATE) is that of the newest
 * Received field, else that of the Date field, else now.
 *
 * The directory `state` has a journal: the key and the UID of each message. If an answer of the server was lost, the message
 * is looked for in the folder, by its content, before it is appended again. A message may come twice if something removed it
 * from the folder in the meantime, if the server changes the text of messages, or if the journal is lost.
 *
 * Needs the package `imapflow`, an optional peer dependency.
 *
 * @example
 * ```ts
 * const destination = new ImapAppend("imaps://ann@imap.example.com/INBOX", {
 *   state: "/var/lib/popwright/ann",
 *   auth: { password: process.env["IMAP_PASSWORD"]! },
 * });
 * ```
 */
export class ImapAppend implements Destination {
  /** How many messages may be on their way to the server. */
  readonly group: DeliveryGroup;
  readonly #settings: ImapSettings;
  readonly #appender: Appender;
  /** The last commit of each mailbox: commits settle in order. */
  readonly #last: Map<string, Promise<unknown>> = new Map();

  /**
   * `url`: `imaps://user@host/folder`. Percent-encode special characters, such as `@` in the user name as `%40`. Without a
   * folder it is INBOX. Throws `POP3_CONFIG` if the URL or an option is invalid.
   */
  constructor(url: string | URL, options: ImapAppendOptions) {
    this.#settings = completeImapOptions(url, options);
    this.#appender = new Appender(this.#settings);
    this.group = { messages: AHEAD * this.#settings.connections, bytes: AHEAD_BYTES };
  }

  async begin(delivery: Delivery, signal?: AbortSignal): Promise<DeliveryWriter | "known"> {
    checkDelivery(delivery, signal);
    throwIfAborted(signal);
    const { key, mailbox } = delivery;
    if (await this.#appender.has(key)) return "known";
    await this.#appender.prepare(signal);
    return inMemory(this.#settings.limit, "limit of ImapAppend", (octets) =>
      this.#inOrder(mailbox, this.#appender.deliver(key, octets, signal)),
    );
  }

  /**
   * Signs in, and reports the folder, the quota and what the server can do. Appends and creates nothing. Rejects only if
   * `signal` is aborted.
   *
   * @example
   * ```ts
   * const inbox = new ImapAppend("imaps://ann@imap.example.com", { state: "./state", auth: { password: "secret" } });
   * const { lines } = await inbox.check();
   * for (const { name, ok, text } of lines) console.log(ok ? "ok" : "failed", name, text);
   * ```
   */
  async check(signal?: AbortSignal): Promise<DestinationCheck> {
    return checkFolder(this.#settings, this.#appender, signal);
  }

  /** Settles as `result` does, but not before the commits that were called earlier. */
  #inOrder<T>(mailbox: string, result: Promise<T>): Promise<T> {
    const before = this.#last.get(mailbox);
    // It may fail before its turn.
    result.catch(() => undefined);
    const settled = before === undefined ? result : before.then(() => result);
    const turn = settled.then(
      () => undefined,
      () => undefined,
    );
    this.#last.set(mailbox, turn);
    void turn.then(() => {
      if (this.#last.get(mailbox) === turn) this.#last.delete(mailbox);
    });
    return settled;
  }
}
