// Imports each message into a Gmail account with the Gmail API.
import { throwIfAborted } from "../../../net/failures.ts";
import { canonicalAddress } from "../../../options/mail-address.ts";
import { argumentError, checkSignal } from "../../../options/checks.ts";
import { printable } from "../../../protocol/printable.ts";
import type { MailboxLedger } from "../../ledger/ledger.ts";
import { checkDelivery, type Delivery, type DeliveryWriter, type Destination } from "../destination.ts";
import type { DestinationCheck, DestinationCheckLine } from "../destination-check.ts";
import { DestinationError } from "../destination-error.ts";
import { GmailApi } from "./api.ts";
import { Labels } from "./labels.ts";
import { MessageFinder } from "./message-id.ts";
import { checkAddress, completeOptions, type CompleteOptions, type GmailImportOptions } from "./options.ts";
import { beginUpload, cancelUpload, progressOf } from "./upload.ts";
import { UploadJournal } from "./upload-journal.ts";
import { GmailWriter, type Earlier } from "./writer.ts";

/** The journal of a mailbox, and the ledger of the run that it was opened for. */
interface Opened {
  readonly ledger: MailboxLedger | undefined;
  readonly journal: Promise<UploadJournal>;
}

/**
 * Imports each message into the Gmail account with this address. Before the first message, the access token must tell that it
 * is for this address. One request of an account is sent at a time, by all destinations of this process together.
 *
 * Each message is sent in an upload session of its own, which accepts it once. After a lost connection Gmail is asked whether
 * it has the message, and with `state` also after a crash. Without `state`, messages may come again after a crash: Gmail
 * imports no second message with the same Message-ID, but a message without one is there twice.
 *
 * While Gmail is busy (429, 5xx, or 403 for a limit), a request is repeated for up to a minute. Then the run ends, and nothing
 * is sent before the time that Gmail has said. The run also ends if access is denied, or no token comes. A message that Gmail
 * refuses for itself, because it is too large, has no From field or a forbidden attachment, fails alone.
 *
 * @example
 * ```ts
 * const accessToken = refreshedToken({
 *   tokenUrl: "https://oauth2.googleapis.com/token",
 *   clientId: "the-id-of-the-client",
 *   clientSecret: process.env["GOOGLE_CLIENT_SECRET"]!,
 *   refreshToken: process.env["GOOGLE_REFRESH_TOKEN"]!,
 *   onToken: () => undefined, // Google keeps the refresh token
 * });
 * const destination = new GmailImport("ann@gmail.com", { accessToken, state: "./state/gmail" });
 * ```
 */
export class GmailImport implements Destination {
  readonly #address: string;
  readonly #options: CompleteOptions;
  readonly #api: GmailApi;
  readonly #labels: Labels;
  readonly #finder: MessageFinder;
  readonly #journals: Map<string, Opened> = new Map();

  /** Throws `POP3_CONFIG` if the address or an option is invalid. */
  constructor(address: string, options: GmailImportOptions) {
    checkAddress(address);
    this.#options = completeOptions(options);
    this.#address = address;
    this.#api = new GmailApi(address, this.#options);
    this.#labels = new Labels(this.#api, this.#options.labels);
    this.#finder = new MessageFinder(this.#api);
  }

  async begin(
    delivery: Delivery,
    signal?: AbortSignal,
    ledger?: MailboxLedger,
  ): Promise<DeliveryWriter | "known"> {
    checkDelivery(delivery, signal);
    throwIfAborted(signal);
    this.#api.checkPause();
    const { key } = delivery;
    const journal = await this.#journalOf(delivery, ledger);
    const found = journal.get(key);
    if (found === "accepted") return "known";
    await this.#api.refreshToken(signal);
    // The content of a message is fetched only if it can be labelled.
    await this.#labels.ids(signal);
    let earlier: Earlier = { inDoubt: this.#options.state === undefined && ledger?.takenOver === true };
    if (found !== undefined) {
      const address = new URL(found.url);
      const progress = this.#api.isOwn(address)
        ? await progressOf(this.#api, address, found.size, signal)
        : "gone";
      if (progress === "accepted") {
        await journal.accepted(key);
        return "known";
      }
      earlier =
        progress === "gone"
          ? { inDoubt: true }
          : { unfinished: { upload: found, at: progress }, inDoubt: false };
    }
    const { limit } = this.#options;
    const [api, labels, finder] = [this.#api, this.#labels, this.#finder];
    return new GmailWriter(
      { api, url: this.#method(), labels, finder, journal, key, limit, signal },
      earlier,
    );
  }

  /**
   * Tries the account and imports nothing: gets an access token and verifies its address, looks the labels up, and begins an
   * upload that it cancels. Rejects with `POP3_ABORTED` if the signal is aborted.
   */
  async check(signal?: AbortSignal): Promise<DestinationCheck> {
    checkSignal("signal", signal, argumentError);
    throwIfAborted(signal);
    const lines: DestinationCheckLine[] = [];
    const steps: readonly (readonly [name: string, step: () => Promise<string>])[] = [
      ["sign-in", () => this.#checkSignIn(signal)],
      ["labels", () => this.#checkLabels(signal)],
      [this.#options.method, () => this.#checkImport(signal)],
    ];
    for (const [name, step] of steps)
      try {
        lines.push({ name, ok: true, text: await step() });
      } catch (error) {
        if (!DestinationError.is(error)) throw error;
        lines.push({ name, ok: false, text: printable(error.message) });
        break;
      }
    return { lines };
  }

  async #checkSignIn(signal: AbortSignal | undefined): Promise<string> {
    await this.#api.verifyToken(signal);
    return `the access token is for ${printable(this.#address)}`;
  }

  async #checkLabels(signal: AbortSignal | undefined): Promise<string> {
    const missing = new Set(await this.#labels.missing(signal));
    const names = this.#options.labels.map(
      (name) => printable(name) + (missing.has(name) ? " (will be created)" : ""),
    );
    return names.length === 0 ? "none: messages are archived" : names.join(", ");
  }

  async #checkImport(signal: AbortSignal | undefined): Promise<string> {
    // System labels only: the others may not exist yet.
    const ids = this.#options.labels.filter((name) => Labels.own([name]).length === 0);
    const begun = await beginUpload(this.#api, this.#method(), ids, 0, signal);
    if (!("address" in begun)) throw this.#api.failure(begun.refusal, "account");
    await cancelUpload(this.#api, begun.address, signal);
    return "allowed; nothing was imported";
  }

  #method(): URL {
    const { method, internalDateSource, neverMarkSpam, processForCalendar } = this.#options;
    return this.#api.upload(method === "import" ? "messages/import" : "messages", {
      uploadType: "resumable",
      internalDateSource,
      ...(neverMarkSpam ? { neverMarkSpam: "true" } : {}),
      ...(processForCalendar ? { processForCalendar: "true" } : {}),
    });
  }

  /** Each run opens the journal again: another process may have had the mailbox in between. */
  async #journalOf({ mailbox, fence }: Delivery, ledger: MailboxLedger | undefined): Promise<UploadJournal> {
    const { state, api } = this.#options;
    let opened = this.#journals.get(mailbox);
    if (opened === undefined || (state !== undefined && opened.ledger !== ledger)) {
      const name = `${api.gmail.origin}\0${canonicalAddress(this.#address)}\0${mailbox}`;
      const journal =
        state === undefined
          ? Promise.resolve(UploadJournal.inMemory())
          : UploadJournal.open(state, name, fence);
      this.#journals.set(mailbox, (opened = { ledger, journal }));
    }
    try {
      return await opened.journal;
    } catch (error) {
      if (this.#journals.get(mailbox) === opened) this.#journals.delete(mailbox);
      throw error;
    }
  }
}
