// Calls mailparser, and loads it at the first message. No other file calls it.
import type { Readable } from "node:stream";
import type { ParsedMail } from "mailparser";
import { Pop3Error } from "../errors.ts";
import { CharsetStream } from "./charset-stream.ts";
import { parserInput } from "./parser-input.ts";

/**
 * The mailparser options that we use. Its own types lack the options of its splitter and have a wrong
 * `Iconv`.
 */
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
  readonly checksumAlgo?: string;
}

/** The options that the caller sets. */
export type ParserChoices = Required<
  Pick<
    ParserOptions,
    | "maxHeadSize"
    | "maxChildNodes"
    | "skipTextToHtml"
    | "skipImageLinks"
    | "skipTextLinks"
    | "keepDeliveryStatus"
  >
>;

const FIXED = {
  Iconv: CharsetStream,
  // Keep an attached message whole, even if its sender marked it as inline.
  ignoreEmbedded: true,
  // `htmlToText` does this: here, HTML that is too long or nested too deeply would make the parser fail.
  skipHtmlToText: true,
  // The checksum cannot be switched off, and its default, MD5, does not exist in Node's FIPS mode.
  checksumAlgo: "sha256",
} satisfies Partial<ParserOptions>;

type SimpleParser = (source: Readable | Buffer, options: ParserOptions) => Promise<ParsedMail>;

async function loadParser(): Promise<SimpleParser> {
  const { simpleParser } = await import("mailparser");
  return simpleParser; // its types ask for a stream object as `Iconv`, not a class
}

/**
 * Parses a message in pieces. Rejects with `POP3_MESSAGE_TOO_LARGE` if the message exceeds a limit of
 * mailparser.
 */
export async function runParser(
  pieces: readonly Buffer[],
  choices: ParserChoices,
  signal: AbortSignal | undefined,
): Promise<ParsedMail> {
  const parse = await loadParser();
  const input = parserInput(pieces, signal);
  try {
    return await parse(input, { ...FIXED, ...choices });
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "EMAXLEN") throw error;
    const message = "the message has more than maxParts parts, or a header larger than maxHeaderSize";
    throw new Pop3Error("POP3_MESSAGE_TOO_LARGE", message, { cause: error });
  } finally {
    input.destroy();
  }
}

/** Converts HTML to text. Resolves with `undefined` if it is nested too deeply for the parser. */
export async function htmlToText(html: string): Promise<string | undefined> {
  const parse = await loadParser();
  const message = Buffer.from(`Content-Type: text/html; charset=utf-8\r\n\r\n${html}`);
  const options = { ...FIXED, skipHtmlToText: false, skipTextToHtml: true, skipImageLinks: true };
  const { text, textConversionError } = await parse(message, options);
  return textConversionError === undefined ? text : undefined;
}

/**
 * Returns the text parts. The parser adds an empty text for each HTML part, and a line end between two parts.
 */
export function textOf({ text }: ParsedMail): string | undefined {
  return text === undefined || /^\n*$/.test(text) ? undefined : text;
}

/** The separator that the parser puts between two HTML parts. */
const SEPARATOR = "<br/>\n";

/** Returns the HTML parts. If the parser does not convert text parts, it leaves only separators for them. */
export function htmlOf(mail: ParsedMail, skipTextToHtml: boolean): string | undefined {
  const html = mail.html === false ? "" : (mail.html ?? "");
  let start = 0;
  let end = html.length;
  if (skipTextToHtml && mail.text !== undefined) {
    while (html.startsWith(SEPARATOR, start)) start += SEPARATOR.length;
    while (end > start && html.endsWith(SEPARATOR, end)) end -= SEPARATOR.length;
  }
  return end > start ? html.slice(start, end) : undefined;
}
