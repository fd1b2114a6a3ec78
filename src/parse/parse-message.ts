// Parses a message: checks its limits, splits it into parts, and decodes them.
import { Pop3AbortError } from "../errors.ts";
import { argumentError, checkBoolean, checkSignal } from "../options/checks.ts";
import { inlineImages, readAttachment } from "./attachment.ts";
import { readBody, sortParts } from "./body.ts";
import type { Body } from "./body.ts";
import { parseDateTime } from "./date-time.ts";
import { HEADER_MAX, readBoundedSection } from "./fields.ts";
import type { RawField } from "./fields.ts";
import { decodeFields } from "./headers.ts";
import type { MessageHeaders } from "./headers.ts";
import { parseMessageIds } from "./message-id.ts";
import { afterOctets, firstOctets, readOctets } from "./message-octets.ts";
import type { MailAttachment, MessageSource, ParsedMessage, ParseOptions } from "./message.ts";
import { checkParseOptions, limit } from "./options.ts";
import { htmlToText, readAddresses, textToHtml } from "./parser.ts";
import { splitParts } from "./parts.ts";
import { Turns } from "./turns.ts";

const MIB = 1024 * 1024;

const SWITCHES = [
  "skipHtmlToText",
  "skipTextToHtml",
  "skipImageLinks",
  "skipTextLinks",
  "keepDeliveryStatus",
] as const;

const OPTIONS: readonly (keyof ParseOptions)[] = [
  "maxMessageSize",
  "maxHeaderSize",
  "maxParts",
  "maxHtmlLengthToParse",
  ...SWITCHES,
  "signal",
];

/**
 * Parses a message: header fields, addresses, text, HTML and attachments.
 *
 * Malformed mail does not make it fail: what it cannot understand is text, or stays as it is. It rejects with
 * - a `Pop3Error` with the code `POP3_MESSAGE_TOO_LARGE` if the message exceeds `maxMessageSize`,
 * `maxHeaderSize` or `maxParts`, or if parsing it would take many seconds (only hostile messages do);
 * - a `Pop3AbortError` (`POP3_ABORTED`) if `signal` is aborted;
 * - the error of the stream, if the source is a stream and fails;
 * - a `Pop3Error` with the code `POP3_INVALID_ARGUMENT` if an argument is wrong, or the source yields anything but
 * bytes.
 *
 * Text is decoded from its declared charset as by `decodeCharset`. If it declares none: from the charset that a
 * byte order mark or, in HTML, a `meta` element names, else as UTF-8 if it is valid UTF-8, else as windows-1252.
 * Header fields and names are decoded as by `parseHeaders`.
 *
 * A turn of the event loop handles at most 64 KiB of the message, or one header section. Only the conversions
 * that you switch on with the `skip` options handle a whole text or HTML at once. A message of the usual size
 * takes about a millisecond. The first call also loads mailparser (about 80 ms).
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
  checkParseOptions(options, OPTIONS);
  for (const name of SWITCHES) checkBoolean(`parse.${name}`, options[name], argumentError);
  checkSignal("parse.signal", options.signal, argumentError);
  const maxMessageSize = limit("maxMessageSize", options.maxMessageSize, 64 * MIB);
  const maxHeaderSize = limit("maxHeaderSize", options.maxHeaderSize, HEADER_MAX);
  const maxParts = limit("maxParts", options.maxParts, 1000);
  const maxHtmlLength = limit("maxHtmlLengthToParse", options.maxHtmlLengthToParse, MIB / 4);
  const { signal } = options;
  if (signal?.aborted === true) throw new Pop3AbortError(signal.reason);

  const turns = new Turns(signal);
  const octets = await readOctets(source, maxMessageSize, signal);
  const { fields, bodyStart } = readBoundedSection(firstOctets(octets, maxHeaderSize + 1), maxHeaderSize);
  const limits = { maxMessageSize, maxHeaderSize, maxParts };
  const parts = await splitParts(fields, afterOctets(octets, bodyStart), limits, turns);
  const sorted = sortParts(parts, options.keepDeliveryStatus ?? false);
  const attachments: MailAttachment[] = [];
  for (const part of sorted.attachments) attachments.push(await readAttachment(part, turns));
  const toHtml =
    options.skipTextToHtml === false ? await textToHtml(options.skipTextLinks ?? true) : undefined;
  const body = await readBody(sorted.body, toHtml, turns);
  return {
    ...headerProperties(await decodeFields(fields, turns)),
    ...(await addressProperties(fields)),
    ...(await converted(body, attachments, options, maxHtmlLength)),
    attachments,
  };
}

/** Makes the conversions of HTML that the caller asked for. */
async function converted(
  body: Body,
  attachments: readonly MailAttachment[],
  { skipHtmlToText = true, skipImageLinks = true }: ParseOptions,
  maxHtmlLength: number,
): Promise<Body> {
  const { html } = body;
  if (html === undefined) return body;
  const makesText = !skipHtmlToText && body.text === undefined && html.length <= maxHtmlLength;
  const text = makesText ? await htmlToText(html) : body.text;
  return {
    ...body,
    ...(text === undefined ? {} : { text }),
    html: skipImageLinks ? html : inlineImages(html, attachments),
  };
}

/** Of two `From` or `Reply-To` fields, the first counts. */
async function addressProperties(
  fields: readonly RawField[],
): Promise<Pick<ParsedMessage, "from" | "to" | "cc" | "bcc" | "replyTo">> {
  const named = (name: string): RawField[] => fields.filter((field) => field.name.toLowerCase() === name);
  return {
    from: await readAddresses(named("from").slice(0, 1)),
    to: await readAddresses(named("to")),
    cc: await readAddresses(named("cc")),
    bcc: await readAddresses(named("bcc")),
    replyTo: await readAddresses(named("reply-to").slice(0, 1)),
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
