/** mailparser is loaded at the first call, is given no more than it can take, and what it returns is put into our shape. */
import { isUtf8 } from "node:buffer";
import { Readable } from "node:stream";
import type { AddressObject, Attachment, EmailAddress, HeaderValue, ParsedMail } from "mailparser";
import { Pop3AbortError, Pop3Error } from "../errors.ts";
import { decodeWindows1252 } from "./charset.ts";
import { parseDateTime } from "./date-time.ts";
import { decodeText } from "./encoded-words.ts";
import { readHeaderSection, unfold } from "./fields.ts";
import type { RawField } from "./fields.ts";
import { decodeFields } from "./headers.ts";
import type { MailAddress, MailAttachment, MessageSource, ParsedMessage, ParseOptions } from "./message.ts";
import { readOctets } from "./message-octets.ts";
import { parseMessageIds } from "./message-id.ts";
import { COST_MAX, parsingCost } from "./parsing-cost.ts";
