// Parses a message: checks its limits before it calls mailparser, and reads the header fields itself.
import { Pop3AbortError, Pop3Error } from "../errors.ts";
import { parseDateTime } from "./date-time.ts";
import { readHeaderSection } from "./fields.ts";
import { decodeFields } from "./headers.ts";
import type { MessageHeaders } from "./headers.ts";
import { parseMessageIds } from "./message-id.ts";
import { readOctets } from "./message-octets.ts";
import type { MessageSource, ParsedMessage, ParseOptions } from "./message.ts";
import { parserHeader } from "./parser-input.ts";
import { mailAddresses, mailAttachment } from "./parser-output.ts";
import { htmlOf, htmlToText, runParser, textOf } from "./parser.ts";
import { COST_MAX, parsingCost } from "./parsing-cost.ts";

const MIB = 1024 * 1024;

/** The allowed steps per byte of `maxMessageSize`, if the caller raises it. Base64 takes up to seven. */
const STEPS_PER_OCTET = 8;

/**
 * Parses a message: header fields, addresses, text, HTML and attachments.
 *
 * Malformed mail does not make it fail: a part that it cannot understand is absent, or text. It rejects with
 * - a `Pop3Error` with the code `POP3_MESSAGE_TOO_LARGE` if the message exceeds `maxMessageSize`,
 * `maxHeaderSize` or   `maxParts`, or if parsing it would take many seconds or gigabytes (only hostile
 * messages do);
 * - a `Pop3AbortError` (`POP3_ABORTED`) if `signal` is aborted;
 * - the error of the stream, if the source is a stream and fails;
 * - a `TypeError` or `RangeError` if an argument is wrong, or the source yields anything but bytes.
 *
 * Text is decoded from its declared charset as by `decodeCharset`, or as UTF-8 if it declares none; header
 * fields are decoded as by `parseHeaders`. A message of the usual size takes a few milliseconds. The first
 * call also loads mailparser (about 80 ms).
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
  const maxMessageSize = limit("maxMessageSize", options.maxMessageSize, 64 * MIB);
  const maxHeadSize = limit("maxHeaderSize", options.maxHeaderSize, MIB / 4);
  const maxChildNodes = limit("maxParts", options.maxParts, 1000);
  const maxHtmlLength = limit("maxHtmlLengthToParse", options.maxHtmlLengthToParse, MIB / 4);
  const {
    skipHtmlToText = true,
    skipTextToHtml = true,
    skipImageLinks = true,
    skipTextLinks = true,
  } = options;
  const { keepDeliveryStatus = false, signal } = options;
  if (signal?.aborted === true) throw new Pop3AbortError(signal.reason);

  const octets = await readOctets(source, maxMessageSize, signal);
  const { fields, bodyStart } = readHeaderSection(octets);
  const body = octets.subarray(bodyStart);
  if (parsingCost(body) > Math.max(COST_MAX, maxMessageSize * STEPS_PER_OCTET)) {
    throw new Pop3Error("POP3_MESSAGE_TOO_LARGE", "the message would take too long to parse");
  }
  const choices = {
    maxHeadSize,
    maxChildNodes,
    skipTextToHtml,
    skipImageLinks,
    skipTextLinks,
    keepDeliveryStatus,
  };
  const mail = await runParser([parserHeader(fields), body], choices, signal);
  const html = htmlOf(mail, skipTextToHtml);
  let text = textOf(mail);
  if (text === undefined && html !== undefined && !skipHtmlToText && html.length <= maxHtmlLength) {
    text = await htmlToText(html);
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
  if (typeof value !== "number") throw new TypeError(`${name} must be a number (got ${typeof value})`);
  if (!(value >= 1)) throw new RangeError(`${name} must be a number >= 1 (got ${String(value)})`);
  return value;
}
