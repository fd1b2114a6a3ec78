// The types of a parsed message and of the options. They do not depend on the types of the parser.
import type { MessageHeaders } from "./headers.ts";

/** The source of a message: its bytes, or a stream of them (any Node `Readable`). */
export type MessageSource = Uint8Array | AsyncIterable<Uint8Array>;

/**
 * Options of `parseMessage`. The four `skip` options have the names and the meaning of those of mailparser, but
 * are `true` by default: the conversions that they skip can make parsing 70 times slower.
 */
export interface ParseOptions {
  /**
   * The maximum size of a message in bytes. It also limits the memory: parsing takes one to nine times this
   * size. Messages with more than one line end for each 16 bytes of it are refused if they have parts.
   * @default 67108864 (64 MiB)
   */
  readonly maxMessageSize?: number | undefined;
  /**
   * The maximum size of a header section in bytes: that of the message, and that of each part, in which a line
   * counts as at least 64 bytes. It is also the most that one turn of the event loop handles.
   * @default 262144 (256 KiB)
   */
  readonly maxHeaderSize?: number | undefined;
  /**
   * The maximum number of parts, including the message itself and nested parts. It also limits the depth of
   * nesting.
   * @default 1000
   */
  readonly maxParts?: number | undefined;
  /**
   * With `skipHtmlToText: false`: the maximum length of HTML, in characters, to convert to text. The time
   * grows with the square of its depth (at most 1.5 s with the default). HTML that is longer or nested too
   * deeply is not converted.
   * @default 262144
   */
  readonly maxHtmlLengthToParse?: number | undefined;
  /** `false` makes `text` from the HTML if a message has no text part. @default true */
  readonly skipHtmlToText?: boolean | undefined;
  /**
   * `false` returns the text as HTML in `textAsHtml`, and adds text parts between HTML parts to `html`.
   * @default true
   */
  readonly skipTextToHtml?: boolean | undefined;
  /** `false` replaces `cid:` references to images in `html` by `data:` URLs. @default true */
  readonly skipImageLinks?: boolean | undefined;
  /** `false`, together with `skipTextToHtml: false`, turns the URLs in a text into links. @default true */
  readonly skipTextLinks?: boolean | undefined;
  /**
   * `true` returns the delivery status of a bounce as an attachment, not as part of the text.
   * @default false
   */
  readonly keepDeliveryStatus?: boolean | undefined;
  /** Cancels the parsing. It is checked in every turn, after 64 KiB; a source stream is destroyed at once. */
  readonly signal?: AbortSignal | undefined;
}

/** An address, or a named group of addresses (RFC 5322 section 3.4). */
export interface MailAddress {
  /** The display name, decoded; empty if there is none. */
  readonly name: string;
  /** `local@domain`; empty for a group, and if the sender wrote no address. */
  readonly address: string;
  /** The members, if this is a group: empty for `undisclosed-recipients:;`. */
  readonly group?: readonly MailAddress[];
}

/** A part of a message other than its text and HTML. */
export interface MailAttachment {
  /**
   * The name that the sender gave, decoded. It may contain anything, even `../`: never use it as a path
   * unchecked.
   */
  readonly filename?: string;
  /**
   * The type that the message says, in lower case, without parameters: `image/png`; `message/rfc822` for an
   * attached message. It is never guessed from the name.
   */
  readonly contentType: string;
  /** `attachment`, `inline`, or another value of the sender, in lower case. @default "attachment" */
  readonly contentDisposition: string;
  /** The charset parameter. To decode text content: `decodeCharset(content, charset)`. */
  readonly charset?: string;
  /** The `Content-ID` without angle brackets. The HTML refers to it as `cid:…`. */
  readonly cid?: string;
  /** Whether the part belongs to the HTML (a part of `multipart/related` with a `Content-ID`). */
  readonly related: boolean;
  /**
   * Field name in lower case → value as text, for the header of the part. Of duplicates, the first counts.
   */
  readonly headers: ReadonlyMap<string, string>;
  /** The length of `content` in bytes. */
  readonly size: number;
  /** The bytes, after decoding the transfer encoding. */
  readonly content: Buffer;
}

/**
 * A parsed message. A property is absent (or an empty array) if the message does not have it; nothing is
 * guessed. If a field occurs twice but is allowed only once, the first counts.
 */
export interface ParsedMessage {
  /** All fields of the message in order. */
  readonly headers: MessageHeaders;
  /** The `Subject` field, decoded. */
  readonly subject?: string;
  /** The `Date` field; absent if it is not a valid date. */
  readonly date?: Date;
  /** The message identifier with angle brackets: `<1@example.com>`. */
  readonly messageId?: string;
  /** The identifier in `In-Reply-To` with angle brackets; the first if there are several. */
  readonly inReplyTo?: string;
  /** The identifiers in `References` with angle brackets, oldest first. */
  readonly references: readonly string[];
  /** The addresses in `From`; empty if it is missing. */
  readonly from: readonly MailAddress[];
  /** The addresses in `To`; empty if it is missing. */
  readonly to: readonly MailAddress[];
  /** The addresses in `Cc`; empty if it is missing. */
  readonly cc: readonly MailAddress[];
  /** The addresses in `Bcc`; empty if it is missing. */
  readonly bcc: readonly MailAddress[];
  /** The addresses in `Reply-To`; empty if it is missing. */
  readonly replyTo: readonly MailAddress[];
  /**
   * The text parts, one after another, with LF line ends. A text with a file name is an attachment if another
   * part is the body.
   */
  readonly text?: string;
  /**
   * The HTML parts, one after another, with LF line ends. The HTML is the sender's: sanitize it before you
   * show it.
   */
  readonly html?: string;
  /** The text as HTML, with `skipTextToHtml: false`. */
  readonly textAsHtml?: string;
  /**
   * In the order of the message. An attached message is an attachment too: you can parse its content again.
   */
  readonly attachments: readonly MailAttachment[];
}
