// Makes attachments of the parts that are not text or HTML.
import type { MailAttachment } from "./message.ts";
import { fieldTexts } from "./part-header.ts";
import type { Part } from "./parts.ts";
import { decodeTransfer } from "./transfer.ts";
import type { Turns } from "./turns.ts";

/** Decodes a part to an attachment. Its content is a copy, and does not keep the message in memory. */
export async function readAttachment(part: Part, turns: Turns): Promise<MailAttachment> {
  const { filename, type, disposition, parameters, cid, inside } = part;
  const content = await decodedContent(part, turns);
  const charset = parameters.get("charset");
  return {
    ...(filename === undefined ? {} : { filename }),
    contentType: type,
    contentDisposition: disposition === "" ? "attachment" : disposition,
    ...(charset ? { charset } : {}),
    ...(cid === undefined ? {} : { cid }),
    related: cid !== undefined && inside.includes("related"),
    headers: await fieldTexts(part.fields),
    size: content.length,
    content,
  };
}

async function decodedContent({ body, encoding }: Part, turns: Turns): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of decodeTransfer(body, encoding, turns)) {
    pieces.push(piece);
    size += piece.length;
  }
  const content = Buffer.allocUnsafe(size);
  let length = 0;
  for await (const slice of turns.slices(pieces)) length += slice.copy(content, length);
  return content;
}

/** What the URLs put into one HTML may have in characters, so that many references to an image stay bounded. */
const INLINED_MAX = 20 * 1024 * 1024;

/** Replaces `cid:` references to images by `data:` URLs, as far as they are not too long. */
export function inlineImages(html: string, attachments: readonly MailAttachment[]): string {
  const images = new Map<string, string>();
  for (const { cid, contentType, content } of attachments) {
    if (cid === undefined || images.has(cid) || !/^image\/\w+$/.test(contentType)) continue;
    images.set(cid, `data:${contentType};base64,${content.toString("base64")}`);
  }
  let length = 0;
  return html.replace(/\bcid:([^'"\s]{1,256})/g, (reference, cid: string) => {
    const url = images.get(cid);
    if (url === undefined || length + url.length > INLINED_MAX) return reference;
    length += url.length;
    return url;
  });
}
