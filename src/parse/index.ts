// The exports of "popwright/parse". Importing it loads neither mailparser nor iconv-lite.
export { decodeCharset } from "./charset.ts";
export { parseHeaders } from "./headers.ts";
export type { HeaderField, MessageHeaders } from "./headers.ts";
export type { MailAddress, MailAttachment, MessageSource, ParsedMessage, ParseOptions } from "./message.ts";
export { parseMessage } from "./parse-message.ts";
