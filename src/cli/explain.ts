// What went wrong, in words: what it is, and what can be done about it.
import { Pop3Error, type Pop3ReplyError } from "../errors.ts";
import { FetchError } from "../fetch/index.ts";
import type { KnownRefusal, Stage } from "../protocol/refusals.ts";
import { judgeRefusal, stageOfCommand, type Refusal } from "../retry.ts";
import { BY_CAUSE, BY_CODE } from "./knowledge/failures.ts";
import { KNOWN_TEXTS, type KnownText } from "./knowledge/known-texts.ts";
import { providerAt } from "./knowledge/providers.ts";

/** What was tried, as far as it is known. */
export interface Attempt {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** TLS from the first octet. */
  readonly secure?: boolean | undefined;
  readonly user?: string | undefined;
}

/** A failure of an account that is known. */
export class AccountError extends Error {
  override readonly name = "AccountError";
  override readonly cause: Pop3Error;
  readonly attempt: Attempt;

  constructor(cause: Pop3Error, attempt: Attempt) {
    super(cause.message, { cause });
    this.cause = cause;
    this.attempt = attempt;
  }
}

/** The failure in the first line, advice in those behind it. */
export function explain(error: unknown, attempt: Attempt = {}): string[] {
  if (error instanceof AccountError) return explain(error.cause, error.attempt);
  if (!Pop3Error.is(error)) return [error instanceof Error ? error.message : String(error)];
  const known = meaning(error);
  return [
    `${error.message} (${error.code})`,
    ...(known === undefined
      ? advice(error, attempt)
      : [[known.provider ?? known.software, known.cause].filter(Boolean).join(": "), known.advice]),
    ...wishesOfProvider(error, known, attempt),
  ];
}

/** What the words of a server mean, and what to do about it. */
export interface Meaning extends KnownText {
  readonly id: KnownRefusal["id"];
  readonly kind: KnownRefusal["kind"];
  /** The refusal is temporary. */
  readonly passes: boolean;
}

/** What is known of the words that the server said; `undefined`: nothing, or it said nothing. */
export function meaning(error: Pop3Error): Meaning | undefined {
  const refusal = refusalIn(error);
  if (refusal === undefined) return undefined;
  const { known, waitFor } = judgeRefusal(refusal, stageOf(error));
  const text = known && KNOWN_TEXTS[known.id];
  if (known === undefined || text === undefined) return undefined;
  return { ...text, id: known.id, kind: known.kind, passes: waitFor !== undefined };
}

function refusalIn(error: Pop3Error): Refusal | undefined {
  if (error instanceof FetchError) return Pop3Error.is(error.cause) ? refusalIn(error.cause) : undefined;
  const { text, responseCode } = error as Partial<Pop3ReplyError>;
  if (text !== undefined) return { responseCode, text };
  // A line that is not a reply stands in the message, in quotes.
  const [, quoted] = /: "(.*)"$/s.exec(error.message) ?? [];
  if (quoted === undefined || !/^POP3_(?:BAD_GREETING|PROTOCOL)$/.test(error.code)) return undefined;
  return { text: quoted.replace(/^[-+](?:ERR|OK) /, "") };
}

function stageOf(error: Pop3Error): Stage | undefined {
  if (error instanceof FetchError) return Pop3Error.is(error.cause) ? stageOf(error.cause) : undefined;
  return isAboutLogin(error) ? "login" : stageOfCommand(error.command ?? "");
}

function isAboutLogin({ code }: Pop3Error): boolean {
  return code.startsWith("POP3_AUTH_") || code === "POP3_TEMPORARY";
}

function advice(error: Pop3Error, attempt: Attempt): string[] {
  const line = wrongPort(error, attempt) ?? BY_CAUSE[causeCode(error) ?? ""] ?? BY_CODE[error.code];
  return line === undefined ? [] : [line];
}

/** TLS where the server speaks in clear, or the other way round. */
function wrongPort(error: Pop3Error, { host = "HOST", port, secure }: Attempt): string | undefined {
  const code = causeCode(error) ?? "";
  if (secure === true && /^ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG)$/.test(code)) {
    const where = port === undefined || port === 110 ? host : `${host}:${String(port)}`;
    return `The server begins in clear at this port: pop3://${where} goes on to TLS by STLS.`;
  }
  const silent = ["POP3_GREETING_TIMEOUT", "POP3_CLOSED", "POP3_RESET", "POP3_BAD_GREETING"];
  return secure === false && port === 995 && silent.includes(error.code)
    ? `At port 995 TLS comes first: pop3s://${host}`
    : undefined;
}

/** The code of Node's error, behind all of ours. */
function causeCode(error: Pop3Error): string | undefined {
  let { cause } = error;
  while (Pop3Error.is(cause)) ({ cause } = cause);
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  return typeof code === "string" ? code : undefined;
}

function wishesOfProvider(
  error: Pop3Error,
  known: Meaning | undefined,
  { host = "", user }: Attempt,
): string[] {
  const provider = providerAt(host);
  if (provider === undefined) return [];
  const { name, secret, switchOn, instead } = provider;
  if (instead !== undefined) return [`${name} has no POP3. It has ${instead}.`];
  if (stageOf(error) !== "login" || known?.passes === true) return [];
  const lines: string[] = [];
  if (provider.user === "full address" && user?.includes("@") === false)
    lines.push(`${name} wants the full address as user name.`);
  if (known?.provider !== undefined) return lines;
  if (secret !== undefined) lines.push(`${name} takes ${secret}.`);
  if (switchOn !== undefined) lines.push(`At ${name} POP has to be switched on: ${switchOn}.`);
  return lines;
}
