// The exports of "popwright/parse". Importing it loads no package: mailparser, mailsplit and iconv-lite come later.
export { decodeCharset } from "./charset.ts";
export { parseHeaders } from "./headers.ts";
export type { HeaderField, MessageHeaders, ParseHeadersOptions } from "./headers.ts";
export type { MailAddress, MailAttachment, MessageSource, ParsedMessage, ParseOptions } from "./message.ts";
export { parseMessage } from "./parse-message.ts";
