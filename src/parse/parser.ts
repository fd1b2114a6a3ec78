// Only this file knows how mailparser is called; it is loaded at the first message.
import type { Readable } from "node:stream";
import type { ParsedMail } from "mailparser";
import { Pop3Error } from "../errors.ts";
import { CharsetStream } from "./charset-stream.ts";
import { parserInput } from "./parser-input.ts";

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
  readonly checksumAlgo?: string;
}

/** Those that the caller decides. */
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
  // A message within the message stays whole, whether its sender meant it to be shown inline or not.
  ignoreEmbedded: true,
  // Done by `htmlToText`: HTML that is too long or too deep would make the parser fail here.
  skipHtmlToText: true,
  // Cannot be turned off, and its default, MD5, does not exist where Node runs in FIPS mode.
  checksumAlgo: "sha256",
} satisfies Partial<ParserOptions>;

type SimpleParser = (source: Readable | Buffer, options: ParserOptions) => Promise<ParsedMail>;

async function loadParser(): Promise<SimpleParser> {
  const { simpleParser } = await import("mailparser");
  return simpleParser as unknown as SimpleParser; // by its types it wants a stream object as `Iconv`, not a class
}

/** Parses a message that comes in pieces. Rejects with `POP3_MESSAGE_TOO_LARGE` at a limit of the parser's own. */
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
    const message = "the message has too many parts, or a header that is too large";
    throw new Pop3Error("POP3_MESSAGE_TOO_LARGE", message, { cause: error });
  } finally {
    input.destroy();
  }
}

/** The text of HTML, or nothing if it is nested too deeply for the parser. */
export async function htmlToText(html: string): Promise<string | undefined> {
  const parse = await loadParser();
  const message = Buffer.from(`Content-Type: text/html; charset=utf-8\r\n\r\n${html}`);
  try {
    return (
      await parse(message, { ...FIXED, skipHtmlToText: false, skipTextToHtml: true, skipImageLinks: true })
    ).text;
  } catch {
    return undefined;
  }
}

/** The text parts. The parser puts an empty text in the place of each HTML part, and a line end between two. */
export function textOf({ text }: ParsedMail): string | undefined {
  return text === undefined || /^\n*$/.test(text) ? undefined : text;
}

/** What the parser puts between two HTML parts. */
const SEPARATOR = "<br/>\n";

/** The HTML parts. Where the parser does not convert text parts it leaves nothing in their place but separators. */
export function htmlOf(mail: ParsedMail, skipTextToHtml: boolean): string | undefined {
  const html = mail.html || "";
  let start = 0;
  let end = html.length;
  if (skipTextToHtml && mail.text !== undefined) {
    while (html.startsWith(SEPARATOR, start)) start += SEPARATOR.length;
    while (end > start && html.endsWith(SEPARATOR, end)) end -= SEPARATOR.length;
  }
  return end > start ? html.slice(start, end) : undefined;
}
