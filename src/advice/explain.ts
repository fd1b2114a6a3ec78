// Explains an error: what the words of the server mean, and what to do about it.
import { Pop3Error, type Pop3ReplyError } from "../errors.ts";
import { authority, hostText } from "../net/authority.ts";
import type { KnownRefusal, Stage } from "../protocol/refusals.ts";
import { judgeRefusal, stageOfCommand, type Refusal } from "../retry.ts";
import { adviceFor, BY_CODE } from "./failures.ts";
import { fileAdvice } from "./files.ts";
import { KNOWN_TEXTS, type KnownText } from "./known-texts.ts";
import { providerAt } from "./providers.ts";
import { forPrograms } from "./wording.ts";
import { messageOf } from "../protocol/foreign-error.ts";

/** The connection that was tried, as far as it is known. */
export interface Pop3Attempt {
  /** The server, as in the options of the client. */
  readonly host?: string | undefined;
  /** Its port. */
  readonly port?: number | undefined;
  /** Whether TLS starts with the connection, without STLS. */
  readonly secure?: boolean | undefined;
  /** The user name. */
  readonly user?: string | undefined;
  /** The name of the proxy in errors. */
  readonly proxy?: string | undefined;
}

/** What {@link explain} finds out about an error. */
export interface Pop3Explanation {
  /** What failed, with the code of the error. */
  readonly problem: string;
  /** What that means, and what to do about it: sentences for people. Empty if nothing is known. */
  readonly advice: readonly string[];
  /** The meaning of the server's words, if they are known. */
  readonly meaning:
    | {
        /** The name of these words. */
        readonly id: string;
        /** What they are about, such as `"credentials"`. */
        readonly kind: string;
        /** Whether the same call may succeed later. */
        readonly temporary: boolean;
      }
    | undefined;
}

/**
 * Explains an error to people, as the command `popwright check` does: about 90 texts of servers are known, the codes of
 * Node's network and TLS errors, and what the large providers want. `attempt`: the connection that was tried, for advice
 * about its port, its provider and its user name. The texts contain no secret. They may change in any release.
 *
 * @example
 * ```ts
 * const options = { host: "pop.gmail.com", auth: { user: "ann@gmail.com", pass: "wrong" } };
 * await Pop3Client.connect(options).catch((error: unknown) => {
 *   const { problem, advice } = explain(error, { host: options.host, user: options.auth.user });
 *   console.error([problem, ...advice].join("\n"));
 * });
 * ```
 */
export function explain(error: unknown, attempt: Pop3Attempt = {}): Pop3Explanation {
  if (!Pop3Error.is(error))
    return {
      problem: messageOf(error),
      advice: [],
      meaning: undefined,
    };
  const known = meaning(error);
  return {
    problem: `${error.message} (${error.code})`,
    advice: adviceOn(error, attempt).map(forPrograms),
    meaning: known && { id: known.id, kind: known.kind, temporary: known.passes },
  };
}

/** Returns the sentences in the words of the command line. */
export function adviceOn(error: Pop3Error, attempt: Pop3Attempt): string[] {
  const known = meaning(error);
  return [
    ...(known === undefined
      ? advice(error, attempt)
      : [[known.provider ?? known.software, known.cause].filter(Boolean).join(": "), known.advice]),
    ...wishesOfProvider(error, known, attempt),
  ];
}

/** The meaning of a server's refusal, and advice. */
export interface Meaning extends KnownText {
  readonly id: KnownRefusal["id"];
  readonly kind: KnownRefusal["kind"];
  /** Whether the refusal is temporary. */
  readonly passes: boolean;
}

/** Looks up the text with which the server refused. `undefined`: the text is unknown, or the server did not refuse. */
export function meaning(error: Pop3Error): Meaning | undefined {
  const refusal = refusalIn(error);
  if (refusal === undefined) return undefined;
  const { known, waitFor } = judgeRefusal(refusal, stageOf(error));
  const text = known && KNOWN_TEXTS[known.id];
  if (known === undefined || text === undefined) return undefined;
  return { ...text, id: known.id, kind: known.kind, passes: waitFor !== undefined };
}

function refusalIn(error: Pop3Error): Refusal | undefined {
  const { text, responseCode } = error as Partial<Pop3ReplyError>;
  if (text !== undefined) return { responseCode, text };
  // The message of these errors quotes the line that was not a reply.
  const [, quoted] = /: "(.*)"$/s.exec(error.message) ?? [];
  if (quoted === undefined || !/^POP3_(?:BAD_GREETING|PROTOCOL)$/.test(error.code)) return undefined;
  return { text: quoted.replace(/^[-+](?:ERR|OK) /, "") };
}

function stageOf(error: Pop3Error): Stage | undefined {
  return isAboutLogin(error) ? "login" : stageOfCommand(error.command ?? "");
}

function isAboutLogin({ code }: Pop3Error): boolean {
  return code.startsWith("POP3_AUTH_") || code === "POP3_TEMPORARY";
}

function advice(error: Pop3Error, attempt: Pop3Attempt): string[] {
  // The cause is a failure of the token server: advice about the mail server would mislead.
  const isToken = error.code.startsWith("POP3_TOKEN_");
  const line = isToken
    ? BY_CODE[error.code]
    : (atProxy(error, attempt) ??
      wrongPort(error, attempt) ??
      fileAdvice(error) ??
      adviceFor(causeCode(error)) ??
      BY_CODE[error.code]);
  return line === undefined ? [] : [line];
}

/** Returns advice if the proxy failed: advice about the server would mislead. */
function atProxy(
  { code, message }: Pop3Error,
  { host = "HOST", port, proxy }: Pop3Attempt,
): string | undefined {
  if (proxy === undefined || code === "POP3_TLS_INJECTION" || !message.includes(proxy)) return undefined;
  const server = authority({ host, port: port ?? 995 });
  return `The connection goes through ${proxy} (--proxy, POPWRIGHT_PROXY, or "proxy" in the configuration). Check its scheme, name, port and password, and whether it allows connections to ${server}.`;
}

/** Returns advice if the client expected TLS at a port without TLS, or the other way round. */
function wrongPort(error: Pop3Error, { host: given, port, ...attempt }: Pop3Attempt): string | undefined {
  // Options without `secure` begin with TLS. Without options it is not known.
  const { secure = given !== undefined } = attempt;
  const host = given ?? "HOST";
  const code = causeCode(error) ?? "";
  if (secure && /^ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG)$/.test(code)) {
    const where = port === undefined || port === 110 ? hostText(host) : authority({ host, port });
    return `This port begins without TLS. Use pop3://${where}, which turns TLS on with STLS.`;
  }
  if (secure && port === 110 && /^POP3_TLS_(?:TIMEOUT|HANDSHAKE)$/.test(error.code))
    return `Port 110 begins without TLS. Use pop3://${hostText(host)}, which turns TLS on with STLS.`;
  const silent = ["POP3_GREETING_TIMEOUT", "POP3_CLOSED", "POP3_RESET", "POP3_BAD_GREETING"];
  return attempt.secure === false && port === 995 && silent.includes(error.code)
    ? `Port 995 begins with TLS. Use pop3s://${hostText(host)}.`
    : undefined;
}

/** Returns the code of Node's error in the chain of causes, such as `ECONNREFUSED`. */
export function causeCode(error: Pop3Error): string | undefined {
  let { cause } = error;
  while (Pop3Error.is(cause)) ({ cause } = cause);
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  return typeof code === "string" ? code : undefined;
}

function wishesOfProvider(
  error: Pop3Error,
  known: Meaning | undefined,
  { host = "", user }: Pop3Attempt,
): string[] {
  const provider = providerAt(host);
  if (provider === undefined) return [];
  const { name, secret, switchOn, instead } = provider;
  if (instead !== undefined) return [`${name} does not offer POP3. Use ${instead} instead.`];
  if (stageOf(error) !== "login" || known?.passes === true) return [];
  const lines: string[] = [];
  if (provider.user === "full address" && user?.includes("@") === false)
    lines.push(`${name} requires the full address as the user name.`);
  if (known?.provider !== undefined) return lines;
  if (secret !== undefined) lines.push(`${name} accepts ${secret}.`);
  if (switchOn !== undefined) lines.push(`POP must be turned on at ${name}: ${switchOn}.`);
  return lines;
}
