// Reads what the header of one part says about its content.
import { decodeUnlabelled } from "./charset.ts";
import { decodeText } from "./encoded-words.ts";
import { unfold } from "./fields.ts";
import type { RawField } from "./fields.ts";
import { parseStructured } from "./parameters.ts";
import type { Structured } from "./parameters.ts";

/** What the header of a part says. */
export interface PartHeader {
  /** The type in lower case, without parameters. */
  readonly type: string;
  /** The parameters of the type: `charset`, `boundary` and so on. */
  readonly parameters: ReadonlyMap<string, string>;
  /** The whole value of `Content-Type` on one line; empty if there is no valid one. */
  readonly typeLine: string;
  /** `attachment`, `inline`, or what the sender wrote instead, in lower case; empty if the part has none. */
  readonly disposition: string;
  readonly filename: string | undefined;
  /** The transfer encoding in lower case; empty if there is none. */
  readonly encoding: string;
  /** The `Content-ID` without angle brackets. */
  readonly cid: string | undefined;
  readonly fields: readonly RawField[];
}

/** RFC 2045 section 5.2: an invalid type ("Content-Type: text") counts as no type. */
const VALID_TYPE = /^[^;/\s]+\/[^;/\s]/;

/**
 * Reads the header of a part. `parent` is the subtype of the multipart that it is in. A part without a type
 * is text, a message in `multipart/digest` (RFC 2046 section 5.1.5), and bytes of an unknown type if it is
 * an attachment. The type is never guessed from the name: the sender of a file must not choose by it what
 * opens the file.
 */
export async function readPartHeader(
  fields: readonly RawField[],
  parent: string | undefined,
): Promise<PartHeader> {
  const typeLine = bodyOf(fields, "content-type");
  const valid = VALID_TYPE.test(typeLine);
  const { value, parameters } = await parseStructured(valid ? typeLine : "");
  const disposition = await parseStructured(bodyOf(fields, "content-disposition"));
  const dispositionValue = disposition.value.toLowerCase();
  const encoding = await parseStructured(bodyOf(fields, "content-transfer-encoding"));
  const cid = nonEmpty(bodyOf(fields, "content-id").replace(/^<|>$/g, "").trim());
  return {
    type: valid ? value.toLowerCase() : typeByDefault(parent, dispositionValue),
    parameters,
    typeLine: valid ? typeLine : "",
    disposition: dispositionValue,
    filename: nonEmpty(disposition.parameters.get("filename")) ?? nonEmpty(parameters.get("name")),
    encoding: /[^\s,'"]+/.exec(encoding.value.toLowerCase())?.[0] ?? "",
    cid,
    fields,
  };
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

function typeByDefault(parent: string | undefined, disposition: string): string {
  if (parent === "digest") return "message/rfc822";
  return disposition === "" || disposition === "inline" ? "text/plain" : "application/octet-stream";
}

/** The first field with this name, as one line of undecoded text. */
function bodyOf(fields: readonly RawField[], name: string): string {
  const field = fields.find((candidate) => candidate.name.toLowerCase() === name);
  return field === undefined ? "" : decodeUnlabelled(unfold(field.body));
}

/** Returns the fields as text: name in lower case → value. Of duplicates, the first counts. */
export async function fieldTexts(fields: readonly RawField[]): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const field of fields) {
    const name = field.name.toLowerCase();
    if (texts.has(name)) continue;
    const line = unfold(field.body);
    const structured = name === "content-type" || name === "content-disposition";
    texts.set(
      name,
      structured ? structuredText(await parseStructured(decodeUnlabelled(line))) : await decodeText(line),
    );
  }
  return texts;
}

function structuredText({ value, parameters }: Structured): string {
  return value + [...parameters].map(([name, text]) => `; ${name}=${quoted(text)}`).join("");
}

/** RFC 2045 section 5.1: quotes a value with special characters. */
function quoted(text: string): string {
  return /^[\w.+*!#$&-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/**
 * Returns the bytes of a multipart that has no part, without its delimiters. The boundaries are its own and
 * those of the multiparts around it.
 */
export function withoutDelimiters(body: readonly Buffer[], boundaries: readonly string[]): Buffer[] {
  const kept: Buffer[] = [];
  for (const piece of body) {
    const ends = boundaries.map((boundary) => delimiter(piece, boundary)).filter((at) => at >= 0);
    const end = Math.min(piece.length, ...ends);
    kept.push(piece.subarray(0, end));
    if (ends.length > 0) break;
  }
  return kept;
}

/** Where the line `--boundary` or `--boundary--` begins, or -1. The splitter cuts pieces at the ends of lines. */
function delimiter(piece: Buffer, boundary: string): number {
  const line = Buffer.from(`--${boundary}`);
  if (boundary === "") return -1;
  for (let at = piece.indexOf(line); at >= 0; at = piece.indexOf(line, at + 1)) {
    if (
      (at === 0 || piece[at - 1] === 0x0a) &&
      /^(?:--)?\s*$/m.test(piece.toString("latin1", at + line.length, at + line.length + 4))
    )
      return at;
  }
  return -1;
}
