// What a reply of Gmail with an error means: wait, give the message up, or end the run.
import { LONGEST_PAUSE, retryAfter } from "../../../net/retry-after.ts";
import { printable } from "../../../protocol/printable.ts";
import type { Secrets } from "../../../protocol/secrets.ts";
import { DestinationError } from "../destination-error.ts";
import type { GmailReply } from "./exchange.ts";
import { wallTime } from "../../../system/clock.ts";

/** How much of Gmail's words an error shows; characters. */
const WORDS = 300;

/** The reasons of a 403 that passes. */
const LIMITS: ReadonlySet<string> = new Set([
  "rateLimitExceeded",
  "userRateLimitExceeded",
  "quotaExceeded",
  "dailyLimitExceeded",
  "concurrentLimitExceeded",
  "RESOURCE_EXHAUSTED",
]);

/** What Gmail says about an error. */
interface Words {
  /** `userRateLimitExceeded`, `invalidArgument`, `failedPrecondition`, ... */
  readonly reasons: readonly string[];
  readonly message: string;
}

function wordsOf({ json }: GmailReply): Words {
  const error = json["error"];
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  // The form of OAuth2, at the address for the user's identity.
  if (typeof error === "string") return { reasons: [error], message: text(json["error_description"]) };
  const { status, message, errors, details } = (error ?? {}) as Record<string, unknown>;
  const listed = [errors, details].flatMap((list): unknown[] => (Array.isArray(list) ? list : []));
  const reasons = [
    ...listed.map((each) => text((each as { reason?: unknown } | null)?.reason)),
    text(status),
  ];
  return { reasons: reasons.filter((reason) => reason !== ""), message: text(message) };
}

/** Whether Gmail wants fewer requests, of this user or of the whole project. */
export function isLimited(reply: GmailReply): boolean {
  if (reply.status === 429) return true;
  const { reasons, message } = wordsOf(reply);
  return (
    reply.status === 403 &&
    (reasons.some((reason) => LIMITS.has(reason)) || /\bquota exceeded\b|\brate limit\b/i.test(message))
  );
}

/** Whether the same request may succeed in a moment. */
export function isBusy(reply: GmailReply): boolean {
  return isLimited(reply) || reply.status >= 500 || reply.status === 408;
}

/**
 * Returns how long Gmail wants to be left alone, in milliseconds. It says so in `Retry-After`, or in its words ("Retry after
 * 2026-11-30T04:05:06.789Z"); the longer pause counts.
 */
export function pauseIn(reply: GmailReply): number {
  const [, until = ""] = /\bretry after (\d{4}-\d\d-\d\dT[\d:.]+Z)/i.exec(wordsOf(reply).message) ?? [];
  const said = until === "" ? 0 : Date.parse(until) - wallTime();
  const pause = Math.max(retryAfter(reply.headers.get("retry-after")) ?? 0, Number.isNaN(said) ? 0 : said);
  return Math.min(pause, LONGEST_PAUSE);
}

/** Whether a refusal is about the labels, not about the message. */
export function isAboutLabels(reply: GmailReply): boolean {
  return reply.status === 400 && /\blabel/i.test(wordsOf(reply).message);
}

/** Whether the token lacks a scope. */
export function lacksScope(reply: GmailReply): boolean {
  const { reasons, message } = wordsOf(reply);
  return (
    reply.status === 403 &&
    (reasons.some((reason) => /insufficient.?(?:permissions|scope)|scope_insufficient/i.test(reason)) ||
      /\bscopes?\b/i.test(message))
  );
}

/** Gmail has refused what it was sent, for good: the same upload accepts nothing more. */
export class Refusal extends DestinationError {}

/**
 * Returns the error for a reply. `subject`: the reply to a message that was uploaded may be a refusal of it; any other means
 * that no message is taken.
 */
export function failureIn(
  reply: GmailReply,
  subject: "account" | "message",
  secrets: Secrets,
): DestinationError {
  const { status } = reply;
  const { reasons, message } = wordsOf(reply);
  const words = printable(message.replace(/\s+/g, " ").trim().slice(0, WORDS), secrets);
  const reason = reasons[0] === undefined ? "" : ` (${printable(reasons[0], secrets)})`;
  const text = `Gmail answered HTTP ${status}${reason}${words === "" ? "" : `: ${words}`}${hintFor(reply)}`;
  if (subject === "account") return new DestinationError(text, { down: true });
  // The message may be what makes Gmail fail.
  if (status === 500 || status === 408) return new DestinationError(text, { later: true });
  if (![400, 413, 422].includes(status)) return new DestinationError(text, { down: true });
  if (reasons.some((each) => /^failed_?precondition$/i.test(each))) return new Refusal(text, { down: true });
  return new Refusal(text, { later: isAboutLabels(reply) });
}

function hintFor(reply: GmailReply): string {
  if (reply.status === 401) return ". The access token is not accepted: sign in again";
  if (lacksScope(reply))
    return ". The access token lacks a scope: importing needs gmail.insert, and labels need gmail.labels";
  if (reply.status === 400 && /\bFrom\b/.test(wordsOf(reply).message))
    return '. With method "insert" Gmail takes it as it is';
  return "";
}
