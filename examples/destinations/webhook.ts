// Mail as HTTP requests: a POST for each message, its octets as the body. The receiver knows a message again by its key.
//
//   await fetchMail(account, { ledger, destination: webhook("https://app.example.com/mail") });
import { DestinationError, deliverTo, type Destination } from "popwright/fetch";

/** For so long the receiver may take; milliseconds. */
const TIMEOUT = 60_000;
/** "Come again": too many requests, and what a gateway says whose service is down. */
const LATER = [408, 425, 429, 502, 503, 504];

/** `headers`: what lets us in, as a rule: `{ authorization: "Bearer …" }`. */
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
    // Who does not let us in does so with no message.
    const down = response.status === 401 || response.status === 403;
    const later = down || LATER.includes(response.status);
    throw new DestinationError(`HTTP ${response.status} ${response.statusText}`, { down, later });
  });
}

async function request(url: string | URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    // One that it cannot cope with is to stop no other.
    const slow = cause instanceof Error && cause.name === "TimeoutError";
    const what = slow ? "takes too long" : "cannot be reached";
    throw new DestinationError(`${new URL(url).host} ${what}`, { cause, down: !slow });
  }
}
