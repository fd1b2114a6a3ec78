// The upload of one message in a session of its own, as Google's "resumable uploads" are: Gmail accepts the message with its
// last byte, and tells later whether it has. So a lost connection leaves no doubt, and a session accepts its message once,
// however often its bytes are sent.
import { DestinationError } from "../destination-error.ts";
import type { GmailApi } from "./api.ts";
import { NoReply, type GmailReply } from "./exchange.ts";
import { isBusy } from "./failure.ts";

/** Larger messages are sent in parts of this size; bytes. It must be a multiple of 256 KiB. */
const PART = 8 * 1024 * 1024;

/** What has become of an upload: the number of bytes that Gmail has, or how the session has ended. */
export type Progress = number | "accepted" | "gone";

/** Begins a session, and returns its address: a secret. `url`: the method of the API. */
export async function beginUpload(
  api: GmailApi,
  url: URL,
  labelIds: readonly string[],
  size: number,
  signal: AbortSignal | undefined,
): Promise<{ readonly address: URL } | { readonly refusal: GmailReply }> {
  const headers = {
    "content-type": "application/json; charset=UTF-8",
    "x-upload-content-type": "message/rfc822",
    "x-upload-content-length": String(size),
  };
  const body = Buffer.from(JSON.stringify({ labelIds }));
  const reply = await api.call({ method: "POST", url, headers, body }, signal);
  if (reply.status !== 200) return { refusal: reply };
  const location = reply.headers.get("location") ?? "";
  const address = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
  if (location === "" || address === undefined || !api.isOwn(address))
    throw new DestinationError("Gmail did not answer with the address of an upload", { down: true });
  return { address };
}

/** Ends a session that must accept nothing more. */
export async function cancelUpload(
  api: GmailApi,
  address: URL,
  signal: AbortSignal | undefined,
): Promise<void> {
  await api.call({ method: "DELETE", url: address }, signal);
}

/** Asks what has become of an upload. */
export async function progressOf(
  api: GmailApi,
  address: URL,
  size: number,
  signal: AbortSignal | undefined,
): Promise<Progress> {
  const reply = await api.call(question(address, size), signal);
  const progress = progressIn(reply, true);
  if (progress === undefined) throw api.failure(reply, "account");
  return progress;
}

export class Upload {
  readonly address: URL;
  readonly #api: GmailApi;
  readonly #message: Buffer;
  /** How many bytes Gmail has. */
  #at: number;

  /** `at`: how many bytes Gmail has. */
  constructor(api: GmailApi, address: URL, message: Buffer, at = 0) {
    this.#api = api;
    this.address = address;
    this.#message = message;
    this.#at = at;
  }

  /** Sends the message, but not its last part: Gmail cannot accept it yet. */
  async sendBeginning(signal: AbortSignal | undefined): Promise<"sent" | "accepted" | "gone"> {
    const parts = Math.ceil(this.#message.length / PART);
    return this.#send(Math.max(0, parts - 1) * PART, signal);
  }

  /** Sends the rest. Rejects with {@link DestinationError} if Gmail refuses the message, or cannot be asked. */
  async sendRest(signal: AbortSignal | undefined): Promise<"accepted" | "gone"> {
    const end = await this.#send(Infinity, signal);
    return end === "sent" ? "gone" : end;
  }

  /** Sends parts until Gmail has `enough` bytes. */
  async #send(enough: number, signal: AbortSignal | undefined): Promise<"sent" | "accepted" | "gone"> {
    const patience = this.#api.patience();
    // After a lost reply, Gmail is asked what it has before anything is sent again.
    let asks = false;
    while (this.#at < enough) {
      let reply: GmailReply;
      try {
        reply = await this.#api.once(
          asks ? question(this.address, this.#message.length) : this.#part(),
          signal,
        );
      } catch (error) {
        if (!(error instanceof NoReply)) throw error;
        await patience.wait(error, undefined, signal);
        asks = true;
        continue;
      }
      const progress = progressIn(reply, asks);
      if (progress === "accepted" || progress === "gone") return progress;
      const failure = this.#api.failure(reply, "message");
      if (progress === undefined) {
        if (!isBusy(reply)) throw failure;
        await patience.wait(failure, reply, signal);
        asks = true;
        continue;
      }
      if (progress > this.#at) patience.reset();
      else if (!asks)
        await patience.wait(new DestinationError("Gmail takes no bytes", { down: true }), undefined, signal);
      this.#at = Math.min(progress, this.#message.length);
      asks = false;
    }
    return "sent";
  }

  #part(): {
    readonly method: "PUT";
    readonly url: URL;
    readonly headers: Record<string, string>;
    readonly body: Buffer;
  } {
    const { length } = this.#message;
    const body = this.#message.subarray(this.#at, this.#at + PART);
    const range = body.length === 0 ? "*" : `${this.#at}-${this.#at + body.length - 1}`;
    const headers = { "content-type": "message/rfc822", "content-range": `bytes ${range}/${length}` };
    return { method: "PUT", url: this.address, headers, body };
  }
}

function question(
  url: URL,
  size: number,
): { readonly method: "PUT"; readonly url: URL; readonly headers: Record<string, string> } {
  return { method: "PUT", url, headers: { "content-range": `bytes */${size}` } };
}

/** `undefined`: the reply does not tell. */
function progressIn({ status, headers }: GmailReply, isAnswer: boolean): Progress | undefined {
  if (status === 200 || status === 201) return "accepted";
  // A session about which Gmail cannot be asked must not be asked about for ever.
  if (status === 404 || status === 410 || (isAnswer && [400, 405, 412, 499].includes(status))) return "gone";
  if (status !== 308) return undefined;
  const [, last] = /^bytes=0-(\d+)$/.exec(headers.get("range") ?? "") ?? [];
  return last === undefined ? 0 : Number(last) + 1;
}
