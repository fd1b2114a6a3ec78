// Delivers each message to a web server by HTTP POST, signed as Standard Webhooks (standardwebhooks.com).
import type { LookupFunction } from "node:net";
import { throwIfAborted } from "../../net/failures.ts";
import { HttpPoster, PrivateAddressError, SilentError, type HttpReply } from "../../net/http-post.ts";
import { retryAfter } from "../../net/retry-after.ts";
import {
  argumentError,
  checkBoolean,
  checkFunction,
  checkNames,
  checkObject,
  checkOneOf,
  checkSignal,
  configError,
  shown,
  withDefaults,
} from "../../options/checks.ts";
import type { Duration } from "../../options/duration.ts";
import { Pop3Error } from "../../errors.ts";
import { messageOf } from "../../protocol/foreign-error.ts";
import { printable } from "../../protocol/printable.ts";
import { Secrets } from "../../protocol/secrets.ts";
import { checkDelivery, type Delivery, type DeliveryWriter, type Destination } from "./destination.ts";
import type { DestinationCheck } from "./destination-check.ts";
import { DestinationError } from "./destination-error.ts";
import { inMemory } from "./in-memory.ts";
import { keysOf, signatures } from "./webhook-signature.ts";
import { steadyTime, wallTime } from "../../system/clock.ts";

/** The options of a {@link Webhook}. */
export interface WebhookOptions {
  /**
   * The secrets with which each request is signed: `whsec_` and the base64 of 24 to 64 bytes. Several during a rotation:
   * then there is one signature by each. `undefined` is refused: it is mostly a variable of the environment that is not set.
   * @default not signed
   */
  readonly secrets?: string | readonly string[];
  /** More fields of the request, such as `{ authorization: "Bearer …" }`. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * The body: `"raw"` is the message itself (`message/rfc822`), `"json"` is an object with the message in base64, for
   * receivers that can only verify JSON.
   * @default "raw"
   */
  readonly format?: "raw" | "json";
  /**
   * How long the connection may be silent. A number is in milliseconds. The whole exchange may take ten times as long, and
   * for a message of more than 10 MiB this time for each MiB.
   * @default 60000
   */
  readonly timeout?: Duration;
  /** The largest message; bytes. It is held in memory, and a larger one is refused. @default 67108864 (64 MiB) */
  readonly limit?: number;
  /**
   * Allows `http:` and addresses of private networks, such as 127.0.0.1 and 10.0.0.1. Without it, neither the URL nor the
   * DNS can lead a request into the network of this machine.
   * @default false
   */
  readonly allowPrivate?: boolean;
  /** Resolves the name of the server, with the signature of `dns.lookup`. @default `dns.lookup` */
  readonly lookup?: LookupFunction;
}

const NAMES: Readonly<Record<keyof WebhookOptions, true>> = {
  secrets: true,
  headers: true,
  format: true,
  timeout: true,
  limit: true,
  allowPrivate: true,
  lookup: true,
};
const DEFAULTS = { timeout: 60_000, limit: 64 * 1024 * 1024 };

/** The fields that the webhook sets itself. */
const OWN = /^(?:webhook-|popwright-|content-(?:length|type)$|transfer-encoding$|host$|idempotency-key$)/i;

/** Statuses that every message would get: the settings are wrong, or the receiver has been removed. */
const SETTINGS: ReadonlySet<number> = new Set([401, 403, 404, 405, 407, 410, 421]);

/** Statuses that say that the receiver is down, full, or wants fewer requests: the other messages wait too. */
const DOWN: ReadonlySet<number> = new Set([429, 502, 503, 504, 507]);

/** A part of the address with this many characters may be a secret. A shorter one is an ordinary word, such as `messages`. */
const LONG = 16;

/** How much of the receiver's words an error shows; characters. */
const WORDS = 200;

/**
 * Posts each message. The receiver verifies it with {@link verifyWebhook}, and tells the result by its status:
 *
 * - 2xx: the message is delivered. 409: it was delivered before.
 * - 408, 425, and 5xx: it is tried again later. 429, 502, 503, 504 and 507: so are all others, and the run ends. If the
 *   receiver says `Retry-After`, nothing is sent before that time, at most for an hour.
 * - 401, 403, 404, 405, 407, 410, 421, and a redirect: the settings are wrong, so the run ends, and no message is blamed.
 *   A redirect is never followed.
 * - any other 4xx: the message is refused.
 *
 * If the server cannot be reached, the run ends, and no message is blamed.
 *
 * `webhook-id` and `Idempotency-Key` are the key of the message. A webhook does not remember keys: if this process dies
 * before the ledger is written, the message is posted again, with the same key. The fields `popwright-mailbox` and
 * `popwright-unique-id` are percent-encoded, and `popwright-headers-only: 1` says that only the headers are delivered; they
 * are not signed. With `format: "json"` everything is in the signed body.
 *
 * @example
 * ```ts
 * const destination = new Webhook("https://app.example.com/mail", { secrets: process.env["WEBHOOK_SECRET"]! });
 * ```
 */
export class Webhook implements Destination {
  readonly #host: string;
  readonly #poster: HttpPoster;
  readonly #keys: readonly Buffer[];
  readonly #headers: Readonly<Record<string, string>>;
  readonly #json: boolean;
  readonly #limit: number;
  /** What a receiver may repeat, and no error may show. */
  readonly #secrets: Secrets;
  /** The receiver wants no requests before this time of `performance.now()`. */
  #pauseUntil = 0;

  /** Throws `POP3_CONFIG` if the URL or an option is invalid. */
  constructor(url: string | URL, options: WebhookOptions = {}) {
    checkObject("webhook", options);
    checkNames("webhook", options, Object.keys(NAMES));
    const { secrets, headers = {}, format = "raw", allowPrivate = false, lookup } = options;
    checkBoolean("webhook.allowPrivate", allowPrivate);
    checkOneOf("webhook.format", format, ["raw", "json"]);
    checkFunction("webhook.lookup", lookup);
    const numbers = { timeout: options.timeout, limit: options.limit };
    const { timeout, limit } = withDefaults("webhook", DEFAULTS, numbers, { timeout: "ms" });
    if (timeout === 0) throw configError("webhook.timeout must be greater than 0 (got 0)");
    const address = checkUrl(url, allowPrivate);
    this.#host = address.host;
    // Without this, a variable of the environment that is not set would switch the signature off.
    if (secrets === undefined && Object.hasOwn(options, "secrets"))
      throw configError(
        "webhook.secrets is undefined: if it comes from an environment variable, is that set? Leave it out for requests that are not signed",
      );
    this.#keys = secrets === undefined ? [] : keysOf(secrets);
    this.#headers = checkHeaders(headers);
    this.#secrets = secretsOf(address, this.#headers);
    this.#json = format === "json";
    this.#limit = limit;
    this.#poster = new HttpPoster(address, { timeout, lookup, allowPrivate });
  }

  async begin(delivery: Delivery, signal?: AbortSignal): Promise<DeliveryWriter> {
    checkDelivery(delivery, signal);
    throwIfAborted(signal);
    this.#checkPause();
    return inMemory(this.#limit, "limit of Webhook", (octets) => this.#deliver(delivery, octets, signal));
  }

  /**
   * Connects, with TLS, and sends a request with the method OPTIONS. Posts nothing, so it cannot tell whether the receiver takes
   * a message. Resolves also if that fails; rejects with `POP3_ABORTED` if `signal` is aborted.
   */
  async check(signal?: AbortSignal): Promise<DestinationCheck> {
    checkSignal("signal", signal, argumentError);
    throwIfAborted(signal);
    const name = "connection";
    try {
      const reply = await this.#poster.ask(signal);
      const isRedirect = reply.status >= 300 && reply.status < 400;
      if (isRedirect || reply.status >= 500) throw this.#refusal(reply);
      const host = printable(this.#host);
      const count = this.#keys.length;
      const signed =
        count === 0
          ? "requests are not signed"
          : `requests are signed by ${count} secret${count === 1 ? "" : "s"}`;
      return {
        lines: [
          { name, ok: true, text: `${host} answers (HTTP ${reply.status} to OPTIONS)` },
          { name: "signature", ok: true, text: signed },
        ],
      };
    } catch (error) {
      throwIfAborted(signal);
      const failure = DestinationError.is(error) ? error : this.#unreachable(error);
      return { lines: [{ name, ok: false, text: failure.message }] };
    }
  }

  async #deliver(
    delivery: Delivery,
    octets: Buffer,
    signal: AbortSignal | undefined,
  ): Promise<"new" | "known"> {
    this.#checkPause();
    const { key } = delivery;
    const timestamp = Math.floor(wallTime() / 1000);
    const body = this.#json ? jsonOf(delivery, octets, timestamp) : octets;
    const headers = {
      ...this.#headers,
      ...(this.#json ? { "content-type": "application/json" } : rawHeaders(delivery)),
      "idempotency-key": key,
      "webhook-id": key,
      "webhook-timestamp": String(timestamp),
      ...(this.#keys.length === 0
        ? {}
        : { "webhook-signature": signatures(this.#keys, { id: key, timestamp, body }) }),
    };
    const reply = await this.#poster.post(headers, body, signal).catch((error: unknown) => {
      throw this.#unreachable(error);
    });
    if (reply.status === 409) return "known";
    if (reply.status >= 200 && reply.status < 300) return "new";
    throw this.#refusal(reply);
  }

  #checkPause(): void {
    const left = this.#pauseUntil - steadyTime();
    if (left > 0)
      throw new DestinationError(
        `${printable(this.#host)} wants no requests for another ${Math.ceil(left / 1000)} s (Retry-After)`,
        { down: true },
      );
  }

  #unreachable(error: unknown): Error {
    if (Pop3Error.is(error)) return error;
    const host = printable(this.#host);
    // A slow answer may be due to this message.
    if (error instanceof SilentError)
      return new DestinationError(`${host} did not answer in time`, { cause: error, later: true });
    const hint = error instanceof PrivateAddressError ? ". Set allowPrivate if that is what you want" : "";
    const why = messageOf(error);
    return new DestinationError(`${host} cannot be reached: ${printable(why)}${hint}`, {
      cause: error,
      down: true,
    });
  }

  #refusal({ status, headers, text }: HttpReply): DestinationError {
    const host = printable(this.#host);
    if (status < 400) {
      const place = URL.canParse(headers.location ?? "") ? new URL(headers.location ?? "").host : "elsewhere";
      return new DestinationError(
        `${host} redirects to ${printable(place)} (HTTP ${status}), which is not followed: use the new URL`,
        { down: true },
      );
    }
    const pause = retryAfter(headers["retry-after"]) ?? 0;
    const isBusy = status >= 500 || [408, 425, 429].includes(status);
    if (isBusy && pause > 0) this.#pauseUntil = steadyTime() + pause;
    const down = SETTINGS.has(status) || DOWN.has(status) || (isBusy && pause > 0);
    // Masked first: the cut must not leave a part of a secret.
    const said = this.#secrets.mask(text).replace(/\s+/g, " ").trim();
    const words = printable(said.slice(0, WORDS));
    return new DestinationError(`${host} answered HTTP ${status}${words === "" ? "" : `: ${words}`}`, {
      down,
      later: down || isBusy,
    });
  }
}

/**
 * The parts of a request that may be secrets: the values of the caller's fields, and what comes after the host in the
 * address. Pages about errors repeat them, such as "Cannot POST /hooks/…".
 */
function secretsOf(
  { pathname, search, searchParams }: URL,
  headers: Readonly<Record<string, string>>,
): Secrets {
  const secrets = new Secrets();
  for (const value of Object.values(headers)) {
    const [scheme = "", ...proof] = value.split(" ");
    // The token of `Bearer`, or the password of `Basic`, may be repeated alone, too.
    secrets.add(value, ...proof);
    if (/^basic$/i.test(scheme))
      secrets.add(
        Buffer.from(proof.join(""), "base64")
          .toString()
          .replace(/^[^:]*:/, ""),
      );
  }
  if (search !== "") secrets.add(`${pathname}${search}`, search.slice(1), ...searchParams.values());
  if (pathname !== "/") secrets.add(pathname, ...pathname.split("/").filter((part) => part.length >= LONG));
  return secrets;
}

function rawHeaders({ mailbox, uid, headersOnly }: Delivery): Record<string, string> {
  return {
    "content-type": "message/rfc822",
    "popwright-mailbox": encodeURIComponent(mailbox),
    ...(uid === undefined ? {} : { "popwright-unique-id": encodeURIComponent(uid) }),
    ...(headersOnly ? { "popwright-headers-only": "1" } : {}),
  };
}

/** The form of the events of Standard Webhooks. */
function jsonOf(
  { key, mailbox, uid, size, headersOnly }: Delivery,
  octets: Buffer,
  timestamp: number,
): Buffer {
  const data = { key, mailbox, uid, size, headersOnly, message: octets.toString("base64") };
  const time = new Date(timestamp * 1000).toISOString();
  return Buffer.from(JSON.stringify({ type: "mail.received", timestamp: time, data }));
}

/** The value is not shown: an address may contain a secret. */
function checkUrl(value: unknown, allowPrivate: boolean): URL {
  const given: unknown = value instanceof URL ? value.href : value;
  if (typeof given !== "string" || !URL.canParse(given))
    throw configError(
      `the URL of a Webhook must look like https://app.example.com/mail (got ${typeof given === "string" ? "another string" : shown(given)})`,
    );
  const url = new URL(given);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && allowPrivate))
    throw configError(
      "the URL of a Webhook must begin with https://; http:// is allowed with webhook.allowPrivate",
    );
  if (url.username !== "" || url.password !== "")
    throw configError("the URL of a Webhook must not contain a user name or a password: use webhook.headers");
  return url;
}

function checkHeaders(headers: unknown): Readonly<Record<string, string>> {
  checkObject("webhook.headers", headers);
  for (const [name, value] of Object.entries(headers as Record<string, unknown>)) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || typeof value !== "string" || /[^\t\x20-\x7e]/.test(value))
      throw configError("webhook.headers must have names and values of HTTP fields, in printable ASCII");
    if (OWN.test(name))
      throw configError(`webhook.headers must not have ${printable(name)}: the webhook sets it`);
  }
  return headers as Readonly<Record<string, string>>;
}
