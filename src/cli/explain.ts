// What went wrong, in words: what it is, and what can be done about it.
import { Pop3Error, type Pop3ReplyError } from "../errors.ts";
import { FetchError } from "../fetch/index.ts";
import { BY_CAUSE, BY_CODE } from "./knowledge/failures.ts";
import type { KnownText, Stage } from "./knowledge/known-text.ts";
import { isOfOneProvider, meaningOf } from "./knowledge/meaning.ts";
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
      : [known.who === undefined ? known.cause : `${known.who}: ${known.cause}`, known.advice]),
    ...wishesOfProvider(error, known, attempt),
  ];
}

/** What is known of the words that the server said, if there are any. */
export function meaning(error: Pop3Error): KnownText | undefined {
  const words = wordsOfServer(error);
  return words === undefined ? undefined : meaningOf(words, stageOf(error));
}

/** In the form that the tables know: behind the status, response code included. */
function wordsOfServer(error: Pop3Error): string | undefined {
  if (error instanceof FetchError) return Pop3Error.is(error.cause) ? wordsOfServer(error.cause) : undefined;
  const { text, responseCode } = error as Partial<Pop3ReplyError>;
  if (text !== undefined) return responseCode === undefined ? text : `[${responseCode}] ${text}`;
  // What is no reply stands in the message, in quotes.
  const [, quoted] = /: "(.*)"$/s.exec(error.message) ?? [];
  return error.code === "POP3_BAD_GREETING" || error.code === "POP3_PROTOCOL"
    ? quoted?.replace(/^[-+](?:ERR|OK) /, "")
    : undefined;
}

const STAGES: readonly (readonly [RegExp, Stage])[] = [
  [/^the greeting/, "greeting"],
  [/^(?:USER|PASS|APOP|AUTH|\*)/, "login"],
  [/^(?:STAT|LIST|UIDL)/, "listing"],
  [/^(?:RETR|TOP)/, "message"],
];

function stageOf(error: Pop3Error): Stage | undefined {
  if (error instanceof FetchError) return Pop3Error.is(error.cause) ? stageOf(error.cause) : undefined;
  if (isAboutLogin(error)) return "login";
  const { command = "" } = error;
  return STAGES.find(([pattern]) => pattern.test(command))?.[1];
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
  known: KnownText | undefined,
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
  if (known !== undefined && isOfOneProvider(known)) return lines;
  if (secret !== undefined) lines.push(`${name} takes ${secret}.`);
  if (switchOn !== undefined) lines.push(`At ${name} POP has to be switched on: ${switchOn}.`);
  return lines;
}
