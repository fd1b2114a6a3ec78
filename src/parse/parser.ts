// Calls mailparser for addresses and for conversions between text and HTML, and loads it when one is needed.
import type { EmailAddress } from "mailparser";
import { recodeWords } from "./encoded-words.ts";
import { unfold } from "./fields.ts";
import type { RawField } from "./fields.ts";
import type { MailAddress } from "./message.ts";

/** Returns the addresses in the fields, in order. */
export async function readAddresses(fields: readonly RawField[]): Promise<MailAddress[]> {
  if (fields.length === 0) return [];
  const { parseAddressHeader } = await import("mailparser");
  // Names are decoded by our rules, like every other field: the parser finds only words in UTF-8.
  const values: string[] = [];
  for (const { body } of fields) values.push(await recodeWords(unfold(body)));
  return parseAddressHeader(values).value.map(mailAddress).filter(saysAnything);
}

function mailAddress({ name, address = "", group }: EmailAddress): MailAddress {
  return group === undefined
    ? { name, address }
    : { name, address, group: group.map(mailAddress).filter(saysAnything) };
}

/** Returns false for an empty address: the parser returns one for `<>` and for a stray comma. */
function saysAnything({ name, address, group }: MailAddress): boolean {
  return name !== "" || address !== "" || group !== undefined;
}

/** Converts HTML to text. Resolves with `undefined` if it is nested too deeply for the parser. */
export async function htmlToText(html: string): Promise<string | undefined> {
  const { simpleParser } = await import("mailparser");
  const message = Buffer.from(`Content-Type: text/html; charset=utf-8\r\n\r\n${html}`);
  const options = { skipTextToHtml: true, skipImageLinks: true };
  const { text, textConversionError } = await simpleParser(message, options);
  return textConversionError === undefined ? text : undefined;
}

/** Returns a function that converts text to HTML, with links unless `skipTextLinks` is set. */
export async function textToHtml(skipTextLinks: boolean): Promise<(text: string) => string> {
  const { MailParser } = await import("mailparser");
  const parser = new MailParser({ skipTextLinks });
  return (text) => parser.textToHtml(text);
}
