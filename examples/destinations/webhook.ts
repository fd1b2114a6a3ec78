// Sends mail as HTTP requests: one POST for each message, with its bytes as the body. The receiver recognizes
// a repeated message by its key.
//
//   await fetchMail(account, { ledger, destination: webhook("https://app.example.com/mail") });
import { DestinationError, deliverTo, type Destination } from "popwright/fetch";

/** The maximum time of a request, in milliseconds. */
const TIMEOUT = 60_000;
/** "Try again later": too many requests, or a gateway whose service is down. */
const LATER = [408, 425, 429, 502, 503, 504];

/** `headers`: usually the credentials, such as `{ authorization: "Bearer …" }`. */
export function webhook(url: string | URL, headers: Readonly<Record<string, string>> = {}): Destination {
  return deliverTo(async ({ key, mailbox, uid, headersOnly, octets }, signal) => {
    const response = await request(url, {
      method: "POST",
      headers: {
        ...headers,
        "content-type": "message/rfc822",
        "idempotency-key": key,
        "x-mailbox": encodeURIComponent(mailbox),
        ...(uid === undefined ? {} : { "x-unique-id": uid }),
        ...(headersOnly ? { "x-headers-only": "1" } : {}),
      },
      body: octets as Buffer<ArrayBuffer>,
      // A redirect would become a GET without a body.
      redirect: "error",
      signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT), ...(signal === undefined ? [] : [signal])]),
    });
    await response.body?.cancel();
    if (response.status === 409) return "known";
    if (response.ok) return "new";
    // Without access, every message would be refused.
    const down = response.status === 401 || response.status === 403;
    const later = down || LATER.includes(response.status);
    throw new DestinationError(`HTTP ${response.status} ${response.statusText}`, { down, later });
  });
}

async function request(url: string | URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    // A timeout may be due to this message, and must not stop the others.
    const slow = cause instanceof Error && cause.name === "TimeoutError";
    const what = slow ? "takes too long" : "cannot be reached";
    throw new DestinationError(`${new URL(url).host} ${what}`, { cause, down: !slow });
  }
}
