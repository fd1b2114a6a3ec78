/** mailparser is loaded at the first message, and gets no message that it could not parse in bounded time and memory. */
import type { Readable } from "node:stream";
import type { ParsedMail } from "mailparser";
import { Pop3AbortError, Pop3Error } from "../errors.ts";
import { CharsetStream } from "./charset-stream.ts";
import { parseDateTime } from "./date-time.ts";
import { readHeaderSection } from "./fields.ts";
import { decodeFields } from "./headers.ts";
import type { MessageHeaders } from "./headers.ts";
import { parseMessageIds } from "./message-id.ts";
import { readOctets } from "./message-octets.ts";
import type { MessageSource, ParsedMessage, ParseOptions } from "./message.ts";
import { parserHeader, parserInput } from "./parser-input.ts";
import { mailAddresses, mailAttachment } from "./parser-output.ts";
import { COST_MAX, parsingCost } from "./parsing-cost.ts";

/** The options of mailparser that are used: its types lack what it hands on to its splitter, and have `Iconv` wrong. */
interface ParserOptions {
  readonly Iconv?: typeof CharsetStream;
  readonly maxHeadSize?: number;
  readonly maxChildNodes?: number;
  readonly ignoreEmbedded?: boolean;
  readonly skipHtmlToText?: boolean;
  readonly skipTextToHtml: boolean;
  readonly skipImageLinks: boolean;
  readonly skipTextLinks?: boolean;
  readonly keepDeliveryStatus?: boolean;
  readonly checksumAlgo: string;
}

type SimpleParser = (source: Readable | Buffer, options: ParserOptions) => Promise<ParsedMail>;

/** Steps per octet of `maxMessageSize`, for those who raise it: base64 takes six. */
const STEPS_PER_OCTET = 8;

/**
 * Parses a message: header fields, addresses, text, HTML and attachments.
 *
 * Odd mail does not make it fail: what cannot be understood is absent, or text. It rejects with
 * - a `Pop3Error` with the code `POP3_MESSAGE_TOO_LARGE` if the message exceeds `maxMessageSize`, `maxHeaderSize` or `maxParts`, or
 *   is made so that parsing it would take more than some seconds (no real message is);
 * - a `Pop3AbortError` (`POP3_ABORTED`) if `signal` is aborted;
 * - the error of the stream, if the source is a stream and fails;
 * - a `TypeError` or `RangeError` if an argument is wrong, or the source gives anything but octets.
 *
 * Text is decoded from its declared charset, or UTF-8; see `parseHeaders` for the fields. A message of the usual size takes
 * a few milliseconds; the first call also loads mailparser (some 80 ms).
 *
 * @example
 * ```ts
 * const message = await parseMessage(await client.retr(1));
 * console.log(message.subject, message.from[0]?.address, message.attachments.length);
 * ```
 */
export async function parseMessage(
  source: MessageSource,
  options: ParseOptions = {},
): Promise<ParsedMessage> {
  const maxMessageSize = limit("maxMessageSize", options.maxMessageSize, 64 * 1024 * 1024);
  const maxHeadSize = limit("maxHeaderSize", options.maxHeaderSize, 256 * 1024);
  const maxChildNodes = limit("maxParts", options.maxParts, 1000);
  const maxHtmlLength = limit("maxHtmlLengthToParse", options.maxHtmlLengthToParse, 256 * 1024);
  const { signal, skipHtmlToText = true, skipTextToHtml = true, skipImageLinks = true } = options;
  if (signal?.aborted === true) throw new Pop3AbortError(signal.reason);

  const octets = await readOctets(source, maxMessageSize, signal);
  const { fields, bodyStart } = readHeaderSection(octets);
  const body = octets.subarray(bodyStart);
  if (parsingCost(body) > Math.max(COST_MAX, maxMessageSize * STEPS_PER_OCTET)) {
    throw new Pop3Error("POP3_MESSAGE_TOO_LARGE", "the message would take too long to parse");
  }
  const simpleParser = (await import("mailparser")).simpleParser as unknown as SimpleParser;
  const mail = await runParser(simpleParser, [parserHeader(fields), body], signal, {
    Iconv: CharsetStream,
    maxHeadSize,
    maxChildNodes,
    // A message within the message stays whole, whether its sender meant it to be shown inline or not.
    ignoreEmbedded: true,
    // Made below, from what the parser returns: asked for here, HTML that is too long would make the parser fail.
    skipHtmlToText: true,
    skipTextToHtml,
    skipImageLinks,
    skipTextLinks: options.skipTextLinks ?? true,
    keepDeliveryStatus: options.keepDeliveryStatus ?? false,
    // Cannot be turned off; its default, MD5, does not exist where Node runs in FIPS mode.
    checksumAlgo: "sha256",
  });
  const html = htmlOf(mail, skipTextToHtml);
  let text = textOf(mail);
  if (text === undefined && html !== undefined && !skipHtmlToText && html.length <= maxHtmlLength) {
    text = await htmlToText(simpleParser, html);
  }
  return {
    ...headerProperties(await decodeFields(fields)),
    from: mailAddresses(mail.from),
    to: mailAddresses(mail.to),
    cc: mailAddresses(mail.cc),
    bcc: mailAddresses(mail.bcc),
    replyTo: mailAddresses(mail.replyTo),
    ...(text === undefined ? {} : { text }),
    ...(html === undefined ? {} : { html }),
    ...(mail.textAsHtml ? { textAsHtml: mail.textAsHtml } : {}),
    attachments: await Promise.all(mail.attachments.map(mailAttachment)),
  };
}

async function runParser(
  simpleParser: SimpleParser,
  pieces: readonly Buffer[],
  signal: AbortSignal | undefined,
  options: ParserOptions,
): Promise<ParsedMail> {
  const input = parserInput(pieces, signal);
  try {
    return await simpleParser(input, options);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EMAXLEN") {
      throw new Pop3Error(
        "POP3_MESSAGE_TOO_LARGE",
        "the message has too many parts, or a header that is too large",
        {
          cause: error,
        },
      );
    }
    throw error;
  } finally {
    input.destroy();
  }
}

/** The text of HTML alone, or nothing if it is nested too deeply: the parser fails there. */
async function htmlToText(simpleParser: SimpleParser, html: string): Promise<string | undefined> {
  const message = Buffer.from(`Content-Type: text/html; charset=utf-8\r\n\r\n${html}`);
  try {
    return (
      await simpleParser(message, { skipTextToHtml: true, skipImageLinks: true, checksumAlgo: "sha256" })
    ).text;
  } catch {
    return undefined;
  }
}

/** The parser puts an empty text in the place of each HTML part, and a line end between two. */
function textOf(mail: ParsedMail): string | undefined {
  const { text } = mail;
  return text === undefined || /^\n*$/.test(text) ? undefined : text;
}

/** The parser puts empty HTML in the place of each text part that it was not asked to convert, and a `<br/>` between two. */
function htmlOf(mail: ParsedMail, skipTextToHtml: boolean): string | undefined {
  let html = mail.html || "";
  if (skipTextToHtml && mail.text !== undefined) {
    const separator = "<br/>\n";
    while (html.startsWith(separator)) html = html.slice(separator.length);
    while (html.endsWith(separator)) html = html.slice(0, -separator.length);
  }
  return html === "" ? undefined : html;
}

function headerProperties(
  headers: MessageHeaders,
): Pick<ParsedMessage, "headers" | "subject" | "date" | "messageId" | "inReplyTo" | "references"> {
  const subject = headers.get("subject");
  const date = parseDateTime(headers.get("date") ?? "");
  const [messageId] = parseMessageIds(headers.get("message-id") ?? "");
  const [inReplyTo] = parseMessageIds(headers.get("in-reply-to") ?? "");
  return {
    headers,
    ...(subject === undefined ? {} : { subject }),
    ...(date === undefined ? {} : { date }),
    ...(messageId === undefined ? {} : { messageId }),
    ...(inReplyTo === undefined ? {} : { inReplyTo }),
    references: parseMessageIds(headers.getAll("references").join(" ")),
  };
}

function limit(name: string, value: number | undefined, byDefault: number): number {
  if (value === undefined) return byDefault;
  if (typeof value !== "number") throw new TypeError(`${name} must be a number`);
  if (!(value >= 1)) throw new RangeError(`${name} must be 1 or more`);
  return value;
}
