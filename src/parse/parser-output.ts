// Converts the results of mailparser to our types: absent instead of `false`, always arrays instead of one or
// many.
import type { AddressObject, Attachment, EmailAddress, HeaderValue, StructuredHeader } from "mailparser";
import { decodeText } from "./encoded-words.ts";
import type { MailAddress, MailAttachment } from "./message.ts";

/** Returns the addresses of a field, or of several fields with the same name. */
export function mailAddresses(value: AddressObject | AddressObject[] | undefined): MailAddress[] {
  if (value === undefined) return [];
  const objects = Array.isArray(value) ? value : [value];
  return objects.flatMap((object) => object.value.map(mailAddress)).filter(saysAnything);
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

/** `related` is absent if it is not true, although mailparser's type says otherwise. */
type ParsedAttachment = Omit<Attachment, "related"> & { readonly related?: boolean };

/** Converts an attachment. Its header fields become text. */
export async function mailAttachment(attachment: ParsedAttachment): Promise<MailAttachment> {
  const { filename, contentType, contentDisposition, cid, related = false, content } = attachment;
  const headers = new Map<string, string>();
  for (const [name, value] of attachment.headers) {
    const text = fieldText(value);
    if (text !== undefined) headers.set(name, await decodeText(Buffer.from(text)));
  }
  const charset = charsetOf(attachment.headers.get("content-type"));
  return {
    ...(filename ? { filename } : {}),
    contentType: contentType || "application/octet-stream",
    contentDisposition: contentDisposition ?? "attachment",
    ...(charset ? { charset } : {}),
    ...(cid ? { cid } : {}),
    related,
    headers,
    size: content.length,
    content,
  };
}

/** Converts a parsed field back to text; `undefined` for `List-` fields. */
function fieldText(value: HeaderValue): string | undefined {
  if (typeof value === "string") return value;
  if (value instanceof Date) return value.toUTCString();
  if (Array.isArray(value)) return value[0] === undefined ? undefined : fieldText(value[0]);
  if ("text" in value && typeof value.text === "string") return value.text;
  if (!isStructured(value)) return undefined;
  const parameters = Object.entries(value.params).map(([name, text]) => `; ${name}=${quoted(text)}`);
  return (value.value || "") + parameters.join("");
}

function charsetOf(value: HeaderValue | undefined): string | undefined {
  return value !== undefined && isStructured(value) ? value.params["charset"] : undefined;
}

/** Tells a field with parameters from the fields that are objects of other shapes. */
function isStructured(value: HeaderValue): value is StructuredHeader {
  return typeof value === "object" && "params" in value && "value" in value;
}

/** RFC 2045 section 5.1: quotes a value with special characters. */
function quoted(text: string): string {
  return /^[\w.+*!#$&-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, "\\$&")}"`;
}
