// Decides which parts are the text and the HTML of a message, and joins them.
import type { Part } from "./parts.ts";
import { decodeTextPart } from "./text-part.ts";
import type { Turns } from "./turns.ts";

/** The parts of a message by what they are for. */
export interface SortedParts {
  readonly body: readonly Part[];
  readonly attachments: readonly Part[];
}

/**
 * Sorts the parts. Text and HTML are the body, unless they are marked as an attachment. A text with a file
 * name is a file if another part is the body: mail readers list it.
 */
export function sortParts(parts: readonly Part[], keepDeliveryStatus: boolean): SortedParts {
  const types = ["text/plain", "text/html", ...(keepDeliveryStatus ? [] : ["message/delivery-status"])];
  const texts = parts.filter(({ type, disposition }) => {
    return types.includes(type) && (disposition === "" || disposition === "inline");
  });
  const first = texts.find((part) => !mayBeFile(part)) ?? texts[0];
  const body = new Set(texts.filter((part) => part === first || !mayBeFile(part)));
  return { body: [...body], attachments: parts.filter((part) => !body.has(part)) };
}

/** In these multiparts every part shows the same content or belongs to it, whatever its name is. */
function mayBeFile({ type, filename, inside: [parent = ""] }: Part): boolean {
  return (
    filename !== undefined && type.startsWith("text/") && parent !== "alternative" && parent !== "related"
  );
}

/** The text and the HTML of a message. */
export interface Body {
  readonly text?: string;
  readonly html?: string;
  readonly textAsHtml?: string;
}

/** What stands between two HTML parts. */
const SEPARATOR = "<br/>\n";

/**
 * Decodes and joins the parts of the body. With `toHtml`, text becomes HTML too: in `textAsHtml`, and between
 * HTML parts if it is not an alternative to one.
 */
export async function readBody(
  parts: readonly Part[],
  toHtml: ((text: string) => string) | undefined,
  turns: Turns,
): Promise<Body> {
  const body: { -readonly [name in keyof Body]: Body[name] } = {};
  const hasHtml = parts.some(({ type }) => type === "text/html");
  for (const part of parts) {
    const content = await decodeTextPart(part, turns);
    if (content === "") continue;
    if (part.type === "text/html") {
      body.html = joined(body.html, SEPARATOR, content);
      continue;
    }
    body.text = joined(body.text, "\n", content);
    if (toHtml === undefined) continue;
    const html = toHtml(content);
    body.textAsHtml = joined(body.textAsHtml, SEPARATOR, html);
    if (hasHtml && !part.inside.includes("alternative")) body.html = joined(body.html, SEPARATOR, html);
  }
  return body;
}

function joined(before: string | undefined, separator: string, text: string): string {
  return before === undefined ? text : before + separator + text;
}
