// Verifies a request of the destination Webhook, for programs that receive it.
import { Pop3Error } from "../errors.ts";
import { argumentError, checkDuration, checkNames, checkObject, shown } from "../options/checks.ts";
import type { Duration } from "../options/duration.ts";
import { types } from "node:util";
import { isSigned, keysOf } from "./destinations/webhook-signature.ts";
import { wallTime } from "../system/clock.ts";

/** The options of {@link verifyWebhook}. */
export interface VerifyWebhookOptions {
  /**
   * How far the time of the request may be from the clock of this machine. A number is in seconds. An older request may be a copy that
   * an attacker sends again.
   * @default 300
   */
  readonly tolerance?: Duration;
}

/** A request that is authentic. */
export interface VerifiedWebhook {
  /** The key of the message. Remember it: the same message may come again. */
  readonly id: string;
  /** When the request was signed. */
  readonly timestamp: Date;
}

/**
 * Verifies the signature of a request from {@link Webhook}, or from any other sender of Standard Webhooks. Returns the id and
 * the time of the request. Throws `POP3_WEBHOOK` if the request is not authentic or too old: answer with 401 then. Throws
 * `POP3_CONFIG` for a wrong secret, and `POP3_INVALID_ARGUMENT` for other wrong arguments.
 *
 * `headers`: the fields of the request, as Node or `fetch` have them. `body`: the bytes of the body as they arrived, before
 * anything parses them. Other libraries verify text only: a message may have bytes that are not UTF-8.
 *
 * @example
 * ```ts
 * async function receive(request: Request): Promise<Response> {
 *   const message = Buffer.from(await request.arrayBuffer());
 *   const { id } = verifyWebhook(request.headers, message, process.env["WEBHOOK_SECRET"]!);
 *   console.log(id, message.length);
 *   return new Response(undefined, { status: 204 });
 * }
 * ```
 */
export function verifyWebhook(
  headers: Readonly<Record<string, string | readonly string[] | undefined>> | Headers,
  body: Uint8Array,
  secrets: string | readonly string[],
  options: VerifyWebhookOptions = {},
): VerifiedWebhook {
  checkObject("headers", headers, argumentError);
  if (!types.isUint8Array(body))
    throw argumentError(`body must be a Buffer or Uint8Array (got ${shown(body)})`);
  checkObject("options", options, argumentError);
  checkNames("options", options, ["tolerance"], argumentError);
  const { tolerance: given = 300 } = options;
  const tolerance = checkDuration("options.tolerance", given, "s", argumentError);
  const keys = keysOf(secrets);
  const [id, time, signature] = ["id", "timestamp", "signature"].map((name) =>
    fieldOf(headers, `webhook-${name}`),
  ) as [string | undefined, string | undefined, string | undefined];
  if (id === undefined || time === undefined || signature === undefined)
    throw notAuthentic("a field is missing: webhook-id, webhook-timestamp or webhook-signature");
  // The parts of what is signed are joined with full stops. In one of them, a part of the body could count as the time.
  if (id.includes(".")) throw notAuthentic("webhook-id must not contain a full stop");
  if (!/^\d{1,12}$/.test(time)) throw notAuthentic("webhook-timestamp must be in seconds since 1970");
  const timestamp = Number(time);
  if (!isSigned(signature, keys, { id, timestamp, body }))
    throw notAuthentic("no signature is right for the body and the secrets");
  if (Math.abs(wallTime() / 1000 - timestamp) > tolerance)
    throw notAuthentic(`its time is more than ${tolerance} s away from the clock of this machine`);
  return { id, timestamp: new Date(timestamp * 1000) };
}

function fieldOf(
  headers: Readonly<Record<string, string | readonly string[] | undefined>> | Headers,
  name: string,
): string | undefined {
  const { get } = headers as Partial<Headers>;
  const value: unknown =
    typeof get === "function"
      ? get.call(headers, name)
      : Object.entries(headers).find(([each]) => each.toLowerCase() === name)?.[1];
  return typeof value === "string" ? value : undefined;
}

function notAuthentic(why: string): Pop3Error {
  return new Pop3Error("POP3_WEBHOOK", `the webhook is not authentic: ${why}`);
}
