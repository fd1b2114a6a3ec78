// Splits a message into its parts with mailsplit, the splitter of mailparser. No other file calls it.
import { pipeline } from "node:stream/promises";
import type { MimeNode } from "@zone-eu/mailsplit";
import { Pop3Error } from "../errors.ts";
import { readHeaderSection } from "./fields.ts";
import type { RawField } from "./fields.ts";
import { readPartHeader, withoutDelimiters } from "./part-header.ts";
import type { PartHeader } from "./part-header.ts";
import type { Turns } from "./turns.ts";

/** A part that has content: text, HTML or an attachment. */
export interface Part extends PartHeader {
  /** The bytes, still in their transfer encoding. */
  readonly body: readonly Buffer[];
  /** The types of the multiparts around it, without `multipart/`, from the inside out. */
  readonly inside: readonly string[];
}

/** The limits of splitting. */
export interface SplitLimits {
  readonly maxHeaderSize: number;
  readonly maxParts: number;
  readonly maxMessageSize: number;
}

/**
 * The average length of a line, in bytes, from which on lines count as too many for a message of the maximum
 * size. Splitting takes a third of a microsecond for each line, however short.
 */
const LINE_MIN = 16;

const LF = 0x0a;

/** A node of the tree of parts. */
interface Node {
  readonly header: PartHeader;
  readonly parent: Node | undefined;
  readonly multipart: boolean;
  /** For a multipart: what is not in any of its parts. */
  readonly body: Buffer[];
  children: number;
}

/**
 * Returns the parts of a message that have content, in order. A multipart without a single part is text (RFC
 * 2045 section 5.2), so that nothing of the message is lost.
 *
 * Rejects with `POP3_MESSAGE_TOO_LARGE` if the message exceeds a limit.
 */
export async function splitParts(
  fields: readonly RawField[],
  body: readonly Buffer[],
  limits: SplitLimits,
  turns: Turns,
): Promise<Part[]> {
  const root = await readPartHeader(fields, undefined);
  if (!root.type.startsWith("multipart/")) return [{ ...root, body, inside: [] }];
  const nodes = await split(root, body, limits, turns);
  return nodes.filter(({ multipart, children }) => !multipart || children === 0).map(partOf);
}

function partOf({ header, parent, multipart, body }: Node): Part {
  const inside: string[] = [];
  for (let node = parent; node !== undefined; node = node.parent) inside.push(subtype(node.header));
  if (!multipart) return { ...header, body, inside };
  const boundaries: string[] = [];
  for (
    let node: Node | undefined = { header, parent, multipart, body, children: 0 };
    node;
    node = node.parent
  ) {
    boundaries.push(node.header.parameters.get("boundary") ?? "");
  }
  return { ...header, type: "text/plain", body: withoutDelimiters(body, boundaries), inside };
}

function subtype({ type }: PartHeader): string {
  return type.slice(type.indexOf("/") + 1);
}

async function split(
  root: PartHeader,
  body: readonly Buffer[],
  limits: SplitLimits,
  turns: Turns,
): Promise<Node[]> {
  const { Splitter } = await import("@zone-eu/mailsplit");
  // An attached message stays whole, even if its sender marked it as inline.
  const splitter = new Splitter({
    ignoreEmbedded: true,
    maxHeadSize: limits.maxHeaderSize,
    maxChildNodes: limits.maxParts,
  });
  const nodes = new Map<object, Node>();
  const grow = async (chunks: AsyncIterable<unknown>): Promise<void> => {
    for await (const chunk of chunks as AsyncIterable<SplitChunk>) {
      if (chunk.type !== "node") {
        if (chunk.value !== undefined) nodes.get(chunk.node)?.body.push(chunk.value);
        continue;
      }
      const parent = chunk.parentNode === false ? undefined : nodes.get(chunk.parentNode);
      if (parent !== undefined) parent.children++;
      const header =
        parent === undefined
          ? root
          : await readPartHeader(readHeaderSection(chunk.getHeaders()).fields, subtype(parent.header));
      nodes.set(chunk, { header, parent, multipart: chunk.multipart !== false, body: [], children: 0 });
    }
  };
  try {
    await pipeline(input(root, body, limits, turns), splitter, grow);
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "EMAXLEN") throw error;
    const message = "the message has more than maxParts parts, or a header larger than maxHeaderSize";
    throw new Pop3Error("POP3_MESSAGE_TOO_LARGE", message, { cause: error });
  }
  return [...nodes.values()];
}

/** What the splitter yields: a part, or bytes of one. */
type SplitChunk =
  MimeNode | { readonly type: "body" | "data"; readonly node: MimeNode; readonly value?: Buffer };

/** Of the header of the message, the splitter needs only the type. */
async function* input(
  { typeLine }: PartHeader,
  body: readonly Buffer[],
  { maxMessageSize }: SplitLimits,
  turns: Turns,
): AsyncGenerator<Buffer, void> {
  yield Buffer.from(`Content-Type: ${typeLine}\r\n\r\n`);
  let lines = maxMessageSize / LINE_MIN;
  for await (const slice of turns.slices(body)) {
    for (let at = slice.indexOf(LF); at >= 0; at = slice.indexOf(LF, at + 1)) lines--;
    if (lines < 0) throw new Pop3Error("POP3_MESSAGE_TOO_LARGE", "the message would take too long to parse");
    yield slice;
  }
}
