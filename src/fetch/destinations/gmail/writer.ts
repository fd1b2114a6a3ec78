// One message on its way into Gmail.
import { createHash } from "node:crypto";
import type { DeliveryWriter } from "../destination.ts";
import { DestinationError } from "../destination-error.ts";
import type { GmailApi } from "./api.ts";
import { isAboutLabels, Refusal } from "./failure.ts";
import type { Labels } from "./labels.ts";
import type { MessageFinder } from "./message-id.ts";
import { beginUpload, cancelUpload, Upload } from "./upload.ts";
import type { UploadJournal } from "./upload-journal.ts";
import type { Begun } from "./upload-lines.ts";

/** How often a message is uploaded again because its session is gone. */
const SESSIONS = 3;

/** What a message needs on its way. */
export interface WriterContext {
  readonly api: GmailApi;
  /** The address of the method. */
  readonly url: URL;
  readonly labels: Labels;
  readonly finder: MessageFinder;
  readonly journal: UploadJournal;
  readonly key: string;
  /** The largest message; bytes. */
  readonly limit: number;
  readonly signal: AbortSignal | undefined;
}

/** What an earlier try has left. */
export interface Earlier {
  /** An upload that is not complete, and how many bytes of it Gmail has. */
  readonly unfinished?: { readonly upload: Begun; readonly at: number };
  /** Whether Gmail may have the message although no upload tells. */
  readonly inDoubt: boolean;
}

export class GmailWriter implements DeliveryWriter {
  readonly #context: WriterContext;
  readonly #earlier: Earlier;
  #pieces: Buffer[] = [];
  #size = 0;
  #upload: Upload | undefined;
  #isKnown = false;
  #prepared: Promise<void> | undefined;

  constructor(context: WriterContext, earlier: Earlier) {
    this.#context = context;
    this.#earlier = earlier;
  }

  write(octets: Buffer): void {
    const { limit } = this.#context;
    this.#size += octets.length;
    if (this.#size > limit)
      throw new DestinationError(`the message is larger than ${limit} bytes (limit of GmailImport)`);
    this.#pieces.push(octets);
  }

  /** Does everything but sending the last part: until then Gmail has not accepted the message. */
  prepare(): Promise<void> {
    return (this.#prepared ??= this.#prepare());
  }

  async commit(): Promise<"new" | "known"> {
    const { journal, key, signal } = this.#context;
    await this.prepare();
    const message = this.#message();
    for (let sessions = 1; !this.#isKnown; sessions++) {
      const end = await this.#sent(() => this.#upload?.sendRest(signal));
      if (end === "accepted") {
        await journal.accepted(key);
        return "new";
      }
      if (sessions === SESSIONS)
        throw new DestinationError("Gmail has forgotten the upload several times", { later: true });
      await this.#start(message, true);
    }
    await journal.accepted(key);
    return "known";
  }

  /** A session that is not finished accepts nothing. */
  async abort(): Promise<void> {
    this.#pieces = [];
    await this.#prepared?.catch(() => undefined);
  }

  async #prepare(): Promise<void> {
    const { api, signal } = this.#context;
    const message = this.#message();
    const { unfinished, inDoubt } = this.#earlier;
    if (unfinished !== undefined) {
      const { upload, at } = unfinished;
      // The session may still accept the bytes that a process sent before it died. A second session would then accept the
      // message again.
      if (upload.size === message.length && upload.digest === digestOf(message))
        this.#upload = new Upload(api, new URL(upload.url), message, at);
      // The server sends the message with other bytes than before.
      else await cancelUpload(api, new URL(upload.url), signal);
    }
    if (this.#upload === undefined) await this.#start(message, inDoubt);
    const end = await this.#sent(() => this.#upload?.sendBeginning(signal));
    if (end === "accepted") this.#isKnown = true;
    if (end === "gone") await this.#start(message, true);
  }

  /** Begins an upload, unless Gmail has the message. */
  async #start(message: Buffer, inDoubt: boolean): Promise<void> {
    const { api, url, labels, finder, journal, key, signal } = this.#context;
    for (const isLast of [false, true]) {
      const ids = await labels.ids(signal);
      if (inDoubt && (await finder.has(message, ids, signal))) {
        this.#isKnown = true;
        return;
      }
      const begun = await beginUpload(api, url, ids, message.length, signal);
      if ("address" in begun) {
        await journal.begin(key, {
          url: begun.address.href,
          size: message.length,
          digest: digestOf(message),
        });
        this.#upload = new Upload(api, begun.address, message);
        return;
      }
      // Only the labels were sent so far. One of them may have been removed since they were looked up.
      labels.forget();
      if (isLast || !isAboutLabels(begun.refusal)) throw api.failure(begun.refusal, "account");
    }
  }

  /** Notes a refusal of the message. */
  async #sent<T>(send: () => Promise<T> | undefined): Promise<T | undefined> {
    const { journal, key, labels } = this.#context;
    try {
      return await send();
    } catch (error) {
      if (error instanceof Refusal) {
        labels.forget();
        await journal.refused(key);
      }
      throw error;
    }
  }

  #message(): Buffer {
    if (this.#pieces.length !== 1) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0] as Buffer;
  }
}

function digestOf(message: Buffer): string {
  return createHash("sha256").update(message).digest("hex");
}
