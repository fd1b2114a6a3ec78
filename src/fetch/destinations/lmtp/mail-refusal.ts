// Decides what a failure of a mail server means: for this message, for all of them, or for now.
import { Pop3Error } from "../../../errors.ts";
import { foreignError } from "../../../protocol/foreign-error.ts";
import { printable } from "../../../protocol/printable.ts";
import type { Secrets } from "../../../protocol/secrets.ts";
import { DestinationError } from "../destination-error.ts";
import { asRefusedSignIn } from "../refused-sign-in.ts";

/** What an error of nodemailer says, as far as the server's reply goes. */
interface MailError extends Error {
  readonly code?: string;
  /** The whole reply. */
  readonly response?: string;
  /** Its three digits. */
  readonly responseCode?: number;
  /** The command that the server refused: `MAIL FROM`, `RCPT TO`, `DATA`, `AUTH PLAIN` and so on. */
  readonly command?: string;
}

/** How much of the server's words an error shows; characters. */
const WORDS = 300;

/** Codes that every message would get at DATA: bad sequence, authentication required, authentication failed. */
const SETTINGS: ReadonlySet<number> = new Set([503, 530, 535]);

/** Enhanced codes (RFC 3463) about the recipient: no such mailbox or host, moved, bad syntax, disabled. */
const RECIPIENT = /^5\.(?:1\.(?:[1236]|10)|2\.1)$/;

/** What the failure is about. */
interface Circumstances {
  /** The server: safe to print. */
  readonly server: string;
  readonly recipient: string;
  /** Whether any byte of the message was sent. */
  readonly begun: boolean;
  /** What no error may show. */
  readonly secrets: Secrets;
}

/** Makes a {@link DestinationError} of an error of nodemailer, of a socket, or of a reply. */
export function mailRefusal(error: unknown, { server, recipient, begun, secrets }: Circumstances): Pop3Error {
  if (Pop3Error.is(error)) return error;
  const { responseCode, response = "", command = "", message, code } = error as MailError;
  const cause = foreignError(error, secrets);
  if (responseCode === undefined) {
    // The server announces the largest size that it takes, so nothing was sent.
    if (code === "EMESSAGE" && command === "MAIL FROM")
      return new DestinationError(`the message is larger than ${server} takes (${words(message, secrets)})`, {
        cause,
      });
    // The message may be the cause if the connection fails while the server has it. Then another one may succeed.
    return begun
      ? new DestinationError(
          `${server} did not answer whether it has the message: ${words(message, secrets)}`,
          {
            cause,
            later: true,
          },
        )
      : new DestinationError(`${server} cannot be reached: ${words(message, secrets)}`, {
          cause,
          down: true,
        });
  }
  const said = words(response, secrets);
  const failure = new DestinationError(
    `${server} refused ${objectOf(command, recipient)}: ${said}${hintFor(command)}`,
    {
      cause,
      ...verdict(command, responseCode, response),
    },
  );
  return command.startsWith("AUTH") && responseCode >= 500 ? asRefusedSignIn(failure) : failure;
}

/** Whether a refusal may be due to the sender, which comes from the message: then it is worth a try without one. */
export function mayBeDueToSender(error: unknown): boolean {
  const { responseCode = 0, response = "", command } = error as MailError;
  const isBefore = command === "MAIL FROM" || command === "RCPT TO";
  return isBefore && responseCode >= 500 && !isTooLarge(response) && !isFull(responseCode, response);
}

function verdict(command: string, code: number, reply: string): { down?: boolean; later?: boolean } {
  const isAboutMail = ["MAIL FROM", "RCPT TO", "DATA"].includes(command);
  if (!isAboutMail || code === 421 || isFull(code, reply)) return { down: true };
  // RFC 5321 section 4.2.1 has no other first digits: such a reply says nothing about the message.
  if (code < 500 || code > 599) return { later: true };
  if (isTooLarge(reply)) return {};
  if (command !== "DATA" || SETTINGS.has(code) || RECIPIENT.test(enhanced(reply))) return { down: true };
  return {};
}

/** The mailbox, or the disk of the server, is full: 452, 552 and the enhanced codes X.2.2 and X.3.1. */
function isFull(code: number, reply: string): boolean {
  if (/\.(?:2\.2|3\.1)$/.test(enhanced(reply))) return true;
  return code === 452 || (code === 552 && !isTooLarge(reply));
}

/** 552 has two meanings. Without an enhanced code (X.2.3 and X.3.4: too large), only the words tell them apart. */
function isTooLarge(reply: string): boolean {
  if (!/^55[24]/.test(reply)) return false;
  const code = enhanced(reply);
  return code === "" ? /\bsize\b|too (?:big|large|long)/i.test(reply) : /^5\.(?:2\.3|3\.4)$/.test(code);
}

/** The enhanced code of a reply (RFC 2034), or an empty string. */
function enhanced(reply: string): string {
  return /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})(?!\S)/.exec(reply)?.[1] ?? "";
}

function objectOf(command: string, recipient: string): string {
  if (command === "MAIL FROM") return "the sender";
  if (command === "RCPT TO") return `the recipient ${printable(recipient)}`;
  if (command === "DATA") return "the message";
  if (command === "STARTTLS") return "STARTTLS";
  return command.startsWith("AUTH") ? "the sign-in" : "the connection";
}

function hintFor(command: string): string {
  return command === "STARTTLS" ? '. Set starttls: "never" if the network between is yours alone' : "";
}

function words(text: string, secrets: Secrets): string {
  // Masked first: the cut must not leave a part of a secret.
  return printable(secrets.mask(text).replace(/\s+/g, " ").trim().slice(0, WORDS));
}
