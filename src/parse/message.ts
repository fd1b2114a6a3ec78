// A message becomes an object whose shape is ours: no type and no surprise of the parser behind it shows through.
import type { MessageHeaders } from "./headers.ts";

/** Where the octets of a message come from: in one piece, or a stream of them (any Node `Readable`). */
export type MessageSource = Uint8Array | AsyncIterable<Uint8Array>;

/** How `parseMessage` parses. The four `skip` options are as in mailparser, but `true` by default: that is 70 times as fast. */
export interface ParseOptions {
  /**
   * The largest message, in octets. Also bounds the memory: parsing takes two to eight times the size of the message.
   * @default 67108864 (64 MiB)
   */
  readonly maxMessageSize?: number | undefined;
  /**
   * The largest header of one part, in octets. Of the header of the message itself only addresses and `Content-` fields count.
   * @default 262144 (256 KiB)
   */
  readonly maxHeaderSize?: number | undefined;
  /**
   * The most parts that a message may have, the message itself and nested ones counted: no nesting is deeper than this.
   * @default 1000
   */
  readonly maxParts?: number | undefined;
  /**
   * With `skipHtmlToText: false`: the longest HTML, in characters, from which text is made. Time grows with the square of
   * its depth (1.5 s at the default, at worst). Of longer HTML, and of HTML nested too deeply, no text is made.
   * @default 262144
   */
  readonly maxHtmlLengthToParse?: number | undefined;
  /** `false` makes `text` from the HTML where a message has no text part. @default true */
  readonly skipHtmlToText?: boolean | undefined;
  /** `false` gives the text as HTML in `textAsHtml`, and puts text parts among HTML parts into `html`. @default true */
  readonly skipTextToHtml?: boolean | undefined;
  /** `false` puts images into `html` as `data:` URLs where it refers to them by `cid:`. @default true */
  readonly skipImageLinks?: boolean | undefined;
  /** `false`, with `skipTextToHtml: false`, makes links of the URLs in a text. @default true */
  readonly skipTextLinks?: boolean | undefined;
  /** `true` gives the delivery status of a bounce as an attachment, not as part of the text. @default false */
  readonly keepDeliveryStatus?: boolean | undefined;
  /** Gives up. Looked at after every 64 KiB; a stream that is the source is destroyed at once. */
  readonly signal?: AbortSignal | undefined;
}

/** An address, or a named group of addresses (RFC 5322 section 3.4). */
export interface MailAddress {
  /** The display name, decoded; empty if there is none. */
  readonly name: string;
  /** `local@domain`; empty for a group, and where the sender wrote no address. */
  readonly address: string;
  /** The members, if this is a group: empty for `undisclosed-recipients:;`. */
  readonly group?: readonly MailAddress[];
}

/** A part of a message that is not its text. */
export interface MailAttachment {
  /** The name that the sender gave, decoded. It may hold anything, `../` too: never use it as a path as it is. */
  readonly filename?: string;
  /** In lower case, without parameters: `image/png`; `message/rfc822` for a message that was attached. */
  readonly contentType: string;
  /** `attachment`, `inline`, or what else the sender wrote, in lower case; `attachment` if nothing. */
  readonly contentDisposition: string;
  /** The charset parameter, for content that is text: `decodeCharset(content, charset)`. */
  readonly charset?: string;
  /** The `Content-ID` without angle brackets, by which the HTML refers to it as `cid:`. */
  readonly cid?: string;
  /** Whether it belongs to the HTML (a part of `multipart/related` with a `Content-ID`). */
  readonly related: boolean;
  /** The fields of the part by their names in lower case: the values as text, of duplicates the first. */
  readonly headers: ReadonlyMap<string, string>;
  /** The length of `content` in octets. */
  readonly size: number;
  /** The octets, transfer encoding undone. */
  readonly content: Buffer;
}

/**
 * A message, parsed. What the message does not have is absent (or empty, for arrays); nothing is made up.
 * Where a field occurs twice that may occur once, the first counts.
 */
export interface ParsedMessage {
  /** All fields of the message in order. */
  readonly headers: MessageHeaders;
  readonly subject?: string;
  /** The `Date` field; absent if it is no date. */
  readonly date?: Date;
  /** With angle brackets: `<1@example.com>`. */
  readonly messageId?: string;
  /** With angle brackets; the first, if there are several. */
  readonly inReplyTo?: string;
  /** With angle brackets, oldest first. */
  readonly references: readonly string[];
  readonly from: readonly MailAddress[];
  readonly to: readonly MailAddress[];
  readonly cc: readonly MailAddress[];
  readonly bcc: readonly MailAddress[];
  readonly replyTo: readonly MailAddress[];
  /** The text parts, one after another, with LF line ends. */
  readonly text?: string;
  /** The HTML parts, one after another, with LF line ends. As the sender wrote it: sanitize it before you show it. */
  readonly html?: string;
  /** The text as HTML, with `skipTextToHtml: false`. */
  readonly textAsHtml?: string;
  /** In the order of the message. A message within the message is an attachment: its content can be parsed again. */
  readonly attachments: readonly MailAttachment[];
}
