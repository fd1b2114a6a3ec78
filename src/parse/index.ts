// What "popwright/parse" exports, and nothing else. Neither mailparser nor iconv-lite is loaded by importing it.
export { decodeCharset } from "./charset.ts";
export { parseHeaders } from "./headers.ts";
export type { HeaderField, MessageHeaders } from "./headers.ts";
export type { MailAddress, MailAttachment, MessageSource, ParsedMessage, ParseOptions } from "./message.ts";
export { parseMessage } from "./parse-message.ts";
