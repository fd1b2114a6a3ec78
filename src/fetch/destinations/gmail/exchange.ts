// One request to Google, and its reply.
//
// It uses the global `fetch`, as `popwright/oauth2` does: the requests are GET, POST and PUT to addresses that we know, so
// the checks of `net/http-post` against foreign addresses are not needed, and the settings of the process for proxies and
// certificates count (NODE_USE_ENV_PROXY, NODE_EXTRA_CA_CERTS, a global dispatcher of undici).
import { settle } from "../../../net/settle.ts";
import { foreignError, messageOf } from "../../../protocol/foreign-error.ts";
import { printable } from "../../../protocol/printable.ts";
import type { Secrets } from "../../../protocol/secrets.ts";
import { DestinationError } from "../destination-error.ts";

export interface GmailRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | undefined;
}

/** A reply with any status. */
export interface GmailReply {
  readonly status: number;
  readonly headers: Headers;
  /** The JSON object in the body; `{}` if the body is anything else. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** How a request is sent. */
export interface SendOptions {
  readonly token: string;
  /** In milliseconds. */
  readonly timeout: number;
  readonly secrets: Secrets;
  readonly signal: AbortSignal | undefined;
}

/** There was no reply: Gmail may have carried out the request, or not. */
export class NoReply extends DestinationError {}

/** The most bytes of a reply: the list of 10,000 labels has some 2 MB. */
const LONGEST_REPLY = 8 * 1024 * 1024;

/** Sends a request. Rejects with {@link NoReply}, and with `POP3_ABORTED` if the signal is aborted. */
export function exchange(request: GmailRequest, options: SendOptions): Promise<GmailReply> {
  const { timeout, signal } = options;
  const late = (): NoReply =>
    // It may take so long because of this message.
    new NoReply(`Gmail did not answer within ${timeout / 1000} seconds`, { later: true });
  return settle(signal, { timeout, late }, (resolve, reject) => {
    const controller = new AbortController();
    replyTo(request, options, controller.signal).then(resolve, reject);
    return () => {
      controller.abort();
    };
  });
}

async function replyTo(
  { method, url, headers, body }: GmailRequest,
  { token, secrets }: SendOptions,
  signal: AbortSignal,
): Promise<GmailReply> {
  try {
    const response = await fetch(url, {
      method,
      headers: { accept: "application/json", authorization: `Bearer ${token}`, ...headers },
      // A subarray is sent as it is, not with the rest of its memory.
      ...(body === undefined
        ? {}
        : { body: new Uint8Array(body.buffer as ArrayBuffer, body.byteOffset, body.length) }),
      // 308 is not a redirect here, and a token goes to no other address.
      redirect: "manual",
      signal,
    });
    return { status: response.status, headers: response.headers, json: objectIn(await textOf(response)) };
  } catch (error) {
    // `fetch` says only "fetch failed": the reason is the cause of its error.
    const reason: unknown = (error as { cause?: unknown } | null)?.cause ?? error;
    throw new NoReply(`${printable(url.host)} cannot be reached: ${printable(messageOf(reason), secrets)}`, {
      cause: foreignError(reason, secrets),
      down: true,
    });
  }
}

async function textOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let octets = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    octets += chunk.length;
    if (octets > LONGEST_REPLY) return "";
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function objectIn(text: string): GmailReply["json"] {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
