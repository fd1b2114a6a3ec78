// Decides what an error of imapflow means: for this message, for the destination, or that it is not known whether the
// message was stored. Its codes are its own, and for most failures the same.
import type { Secrets } from "../../../protocol/secrets.ts";
import { printable } from "../../../protocol/printable.ts";
import { DestinationError } from "../destination-error.ts";

/**
 * What an error during APPEND means.
 *
 * - `"refused"`: the server refuses this message. `"full"`: it says that the mailbox is full, or too full for this message.
 * - `"later"`: it does not take this message now. `"down"`: it takes no message now, or the settings are wrong.
 * - `"missing"`: the folder is not there.
 * - `"unknown"`: the answer was lost. The message may have been stored.
 */
export type AppendFailure = "refused" | "full" | "later" | "down" | "missing" | "unknown";

/** What is used of an error of imapflow. */
interface ImapError {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly responseStatus?: unknown;
  readonly responseText?: unknown;
  readonly response?: unknown;
  readonly serverResponseCode?: unknown;
  readonly authenticationFailed?: unknown;
  readonly reason?: unknown;
}

/** Response codes of NO that tell more than "this message is refused" (RFC 5530, RFC 7889, RFC 9208). */
const CODES: Readonly<Record<string, AppendFailure>> = {
  OVERQUOTA: "full",
  INUSE: "later",
  LIMIT: "down",
  UNAVAILABLE: "down",
  SERVERBUG: "down",
  CONTACTADMIN: "down",
  CORRUPTION: "down",
  ALERT: "down",
  // Settings: every message would get the same answer.
  NOPERM: "down",
  CANNOT: "down",
  AUTHENTICATIONFAILED: "down",
  AUTHORIZATIONFAILED: "down",
  EXPIRED: "down",
  PRIVACYREQUIRED: "down",
  TRYCREATE: "missing",
  NONEXISTENT: "missing",
};

/** Returns what an error of `append` means. */
export function failureOf(error: unknown): AppendFailure {
  const { code, responseStatus, serverResponseCode } = (error ?? {}) as ImapError;
  // imapflow has checked the size before it sent anything.
  if (/^(?:APPENDLIMIT|TOOBIG)$/i.test(String(serverResponseCode))) return "refused";
  if (code === "ETHROTTLE") return "down";
  if (responseStatus === "BAD") return "refused";
  if (responseStatus !== "NO") return "unknown";
  return CODES[String(serverResponseCode).toUpperCase()] ?? "refused";
}

/** How much of the words of a server an error shows; characters. */
const LONGEST_WORDS = 200;

/** Describes an error of imapflow without secrets. Its own message says only `Command failed`. */
export function wordsOf(error: unknown, secrets: Secrets): string {
  const { code, message, responseText, response, serverResponseCode, reason } = (error ?? {}) as ImapError;
  const text = [responseText, response, reason, message].find(
    (each) => typeof each === "string" && each !== "",
  );
  const said = printable(String(text ?? error).replace(/\s+/g, " "), secrets).slice(0, LONGEST_WORDS);
  const named = serverResponseCode ?? code;
  return typeof named === "string" && !said.includes(named) ? `${said} [${printable(named, secrets)}]` : said;
}

/** The error for a server that cannot be used now. `what`: what was tried. */
export function unusable(what: string, error: unknown, secrets: Secrets): DestinationError {
  // imapflow says this of every NO to a login: the server may just have too many sessions.
  const { authenticationFailed, serverResponseCode } = (error ?? {}) as ImapError;
  const isSecret =
    authenticationFailed === true &&
    !["LIMIT", "UNAVAILABLE", "INUSE", "ALERT"].includes(String(serverResponseCode));
  const hint = isSecret ? ". Check the user name and the password or token" : "";
  return new DestinationError(`${what}: ${wordsOf(error, secrets)}${hint}`, {
    cause: causeOf(error, secrets),
    down: true,
  });
}

/** Only the code: the error of imapflow has the command and the answer of the server. */
function causeOf(error: unknown, secrets: Secrets): Error | undefined {
  const { code } = (error ?? {}) as ImapError;
  if (typeof code !== "string") return undefined;
  const shown = printable(code, secrets);
  return Object.assign(new Error(shown), { code: shown });
}
