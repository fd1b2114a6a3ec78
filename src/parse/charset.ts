// Decodes bytes in any charset to a string. It accepts any bytes and any label.
import { isUtf8 } from "node:buffer";
import { TextDecoder } from "node:util";
import { argumentError, checkString } from "../options/checks.ts";
import { checkOctets } from "./options.ts";

/**
 * windows-1252 at 0x80-0x9F, where ISO-8859-1 has control characters. Its five undefined bytes stay
 * unchanged.
 */
const WINDOWS_1252 = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ";

/**
 * The labels that mean windows-1252, as in browsers and mail readers: a sender that declares ISO-8859-1 or
 * US-ASCII and uses 0x80-0x9F means the characters of Windows. Node's own decoder returns control characters
 * for them.
 */
const WINDOWS_1252_LABELS = new Set(
  (
    "windows-1252 cp1252 x-cp1252 cp-1252 win-1252 iso-8859-1 iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 " +
    "iso-ir-100 csisolatin1 latin1 latin-1 l1 cp819 ibm819 us-ascii ascii ansi_x3.4-1968"
  ).split(" "),
);

/**
 * The labels of ISO-2022-JP and its variants. Nearly all mail with these labels uses only ISO-2022-JP itself.
 */
const ISO_2022_JP_LABELS = [
  "iso-2022-jp",
  "iso-2022-jp-1",
  "iso-2022-jp-2",
  "iso-2022-jp-ms",
  "csiso2022jp",
  "jis",
];

/** The length of the longest escape sequence of ISO-2022-JP. */
const ESCAPE_MAX = 4;

/**
 * Codecs of iconv-lite that a label must not select. Most are not charsets. UTF-7 is one, but it hides markup
 * from every filter that looks for `<`: `+ADw-script+AD4-` is `<script>`. Browsers and mail readers no longer
 * decode it. The Encoding Standard refuses CESU-8 as well, and the codec appends "0" to every text in it.
 */
const REFUSED = /^(?:base64|hex|internal|cesu8|(?:(?:cs)?unicode11)?utf7(?:imap)?)$/;

/** The maximum length of a label. No charset has a longer name, so a longer label is not looked up. */
const LABEL_MAX = 64;

/** Decodes a text piece by piece. The pieces may be cut anywhere. */
export interface TextPieceDecoder {
  write(octets: Buffer): string;
  end(): string;
}

type Open = () => TextPieceDecoder;

/** Label → decoder. Only known labels are added, so the map cannot grow without limit. */
const decoders = new Map<string, Open>([
  ["utf8", () => new PlatformDecoder("utf-8")],
  ...["utf-16", "utf16"].map((label): [string, Open] => [
    label,
    () => new MarkedDecoder(Buffer.of(0xff, 0xfe), (order) => new PlatformDecoder(`utf-16${order}`)),
  ]),
  ...ISO_2022_JP_LABELS.map((label): [string, Open] => [
    label,
    () => new LineDecoder(new Iso2022JpDecoder()),
  ]),
]);

/**
 * Decodes bytes in the charset with the given label: `utf-8`, `koi8-r`, `iso-2022-jp`, `cp437` and so on.
 *
 * - Ignores case, blanks and quotes around the label, and the language of RFC 2231 (`utf-8*en`).
 * - Reads `iso-8859-1` and `us-ascii` as windows-1252, which is a superset of both.
 * - Reads `utf-16` and `utf-32` without a byte order mark as big-endian (RFC 2781 section 4.3).
 * - With an unknown label: UTF-8 if the bytes are valid UTF-8, otherwise windows-1252. UTF-7 and CESU-8 count as
 *   unknown: the bytes of UTF-7 are returned as they are (`+ADw-`), since decoding them can produce markup that no
 *   filter saw.
 * - Invalid bytes become U+FFFD. A byte order mark is removed.
 *
 * Loads `iconv-lite` at the first label that the platform's `TextDecoder` does not know.
 *
 * Rejects with a `Pop3Error` with the code `POP3_INVALID_ARGUMENT` if `octets` is not a `Uint8Array` or `label` is
 * not a string, and for no other reason.
 *
 * @example
 * ```ts
 * console.log(await decodeCharset(Buffer.from([0xf0, 0xd2, 0xc9]), "koi8-r")); // При
 * ```
 */
export async function decodeCharset(octets: Uint8Array, label: string): Promise<string> {
  checkOctets("octets", octets);
  checkString("label", label, argumentError);
  const bytes = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  const decoder = await openDecoder(label);
  return decoder === undefined ? decodeUnlabelled(bytes) : decoder.write(bytes) + decoder.end();
}

/** Returns a decoder for the charset with the given label, or `undefined` if the label is not known. */
export async function openDecoder(label: string): Promise<TextPieceDecoder | undefined> {
  const name = normalizeLabel(label);
  const open = decoders.get(name) ?? platformDecoder(name) ?? (await iconvDecoder(name));
  if (open === undefined) return undefined;
  decoders.set(name, open);
  return open();
}

/** Decodes bytes without a label: as UTF-8 if they are valid UTF-8, otherwise as windows-1252. */
export function decodeUnlabelled(octets: Buffer): string {
  return isUtf8(octets) ? decodeUtf8(octets) : decodeWindows1252(octets);
}

/** Normalizes a label: `"UTF-8*en"` → `utf-8`. Labels with the same result name the same charset. */
export function normalizeLabel(label: string): string {
  const star = label.indexOf("*");
  return (star < 0 ? label : label.slice(0, star)).replace(/["']/g, "").trim().toLowerCase();
}

function platformDecoder(name: string): Open | undefined {
  if (WINDOWS_1252_LABELS.has(name)) return () => new Windows1252Decoder();
  try {
    new TextDecoder(name);
    return () => new PlatformDecoder(name);
  } catch {
    return undefined; // a RangeError: TextDecoder does not know the label
  }
}

async function iconvDecoder(name: string): Promise<Open | undefined> {
  if (name.length > LABEL_MAX || REFUSED.test(iconvName(name))) return undefined;
  const { default: iconv } = await import("iconv-lite");
  if (!iconv.encodingExists(name)) return undefined;
  const open = (codec: string): TextPieceDecoder => {
    const decoder = iconv.getDecoder(codec);
    // Its decoders of two-byte charsets lose text if a piece ends within a character.
    return new LineDecoder({
      write: (octets) => decoder.write(octets),
      end: () => decoder.end() ?? "",
    });
  };
  if (iconvName(name) !== "utf32") return () => open(name);
  // Without a mark, its own codec guesses the byte order, and the guess depends on the pieces.
  return () => new MarkedDecoder(Buffer.of(0xff, 0xfe, 0, 0), (order) => open(`utf-32${order}`));
}

/** Returns the name under which iconv-lite looks for a codec: `utf-7:1994` is `utf7`. */
function iconvName(label: string): string {
  return label.replace(/:\d{4}$|[^0-9a-z]/g, "");
}

function decodeUtf8(octets: Buffer): string {
  const marked = octets[0] === 0xef && octets[1] === 0xbb && octets[2] === 0xbf;
  return octets.toString("utf8", marked ? 3 : 0);
}

/**
 * The most bytes that a decoder keeps of a character that is not complete, with room to spare. Node's decoder fails if
 * a piece is so short that its text, together with what was kept, has more than two characters for each of its bytes.
 */
const KEPT = 8;

const NOTHING: Buffer = Buffer.alloc(0);

/** The charsets of the platform. TextDecoder removes a byte order mark. */
class PlatformDecoder implements TextPieceDecoder {
  readonly #decoder: TextDecoder;
  /** The last bytes, so that no piece is too short, not even the last one. */
  #rest: Buffer = NOTHING;

  constructor(name: string) {
    this.#decoder = new TextDecoder(name);
  }

  write(octets: Buffer): string {
    const whole = this.#rest.length === 0 ? octets : Buffer.concat([this.#rest, octets]);
    const cut = whole.length < 2 * KEPT ? 0 : whole.length - KEPT;
    this.#rest = whole.subarray(cut);
    return cut === 0 ? "" : this.#decoder.decode(whole.subarray(0, cut), { stream: true });
  }

  end(): string {
    return this.#decoder.decode(this.#rest);
  }
}

class Windows1252Decoder implements TextPieceDecoder {
  write(octets: Buffer): string {
    return decodeWindows1252(octets);
  }

  end(): string {
    return "";
  }
}

/** UTF-16 or UTF-32 in the byte order of its mark, otherwise big-endian. */
class MarkedDecoder implements TextPieceDecoder {
  readonly #mark: Buffer;
  readonly #open: (order: "le" | "be") => TextPieceDecoder;
  #first = Buffer.alloc(0);
  #decoder: TextPieceDecoder | undefined;

  /** `mark`: that of little-endian text. */
  constructor(mark: Buffer, open: (order: "le" | "be") => TextPieceDecoder) {
    this.#mark = mark;
    this.#open = open;
  }

  write(octets: Buffer): string {
    if (this.#decoder !== undefined) return this.#decoder.write(octets);
    this.#first = Buffer.concat([this.#first, octets]);
    return this.#first.length < this.#mark.length ? "" : this.#opened().write(this.#first);
  }

  end(): string {
    if (this.#decoder !== undefined) return this.#decoder.end();
    const decoder = this.#opened();
    return decoder.write(this.#first) + decoder.end();
  }

  #opened(): TextPieceDecoder {
    const { length } = this.#mark;
    this.#decoder = this.#open(this.#first.subarray(0, length).equals(this.#mark) ? "le" : "be");
    return this.#decoder;
  }
}

/**
 * ISO-2022-JP. If two encoded-words are joined, one escape sequence may directly follow another, for which
 * TextDecoder returns U+FFFD. The first of the two has no effect and is removed.
 */
class Iso2022JpDecoder implements TextPieceDecoder {
  readonly #decoder = new PlatformDecoder("iso-2022-jp");
  #rest = "";

  write(octets: Buffer): string {
    const text = this.#rest + octets.toString("latin1");
    const cut = escapesEnd(text);
    this.#rest = text.slice(cut);
    return this.#decode(text.slice(0, cut));
  }

  end(): string {
    return this.#decode(this.#rest) + this.#decoder.end();
  }

  #decode(text: string): string {
    const kept = text.replace(/\x1b(?:\([A-J]|\$[@-B]|\$\([C-D])(?=\x1b)/g, "");
    return this.#decoder.write(Buffer.from(kept, "latin1"));
  }
}

/**
 * Returns where the escape sequences begin that end a piece, or the length of the piece: another may follow.
 * Looks at the end of the piece alone, or a text of nothing else would be kept whole.
 */
function escapesEnd(text: string): number {
  let cut = text.length;
  for (let count = 0; count < 16; count++) {
    const escape = cut > 0 ? text.lastIndexOf("\x1b", cut - 1) : -1;
    if (escape < 0 || escape < cut - ESCAPE_MAX) break;
    cut = escape;
  }
  return cut;
}

const LF = 0x0a;

/** The most bytes of a line that `LineDecoder` keeps until its end comes. */
const LINE_MAX = 4096;

/** Passes on whole lines, for decoders that cannot take pieces cut anywhere. */
class LineDecoder implements TextPieceDecoder {
  readonly #decoder: TextPieceDecoder;
  #rest = Buffer.alloc(0);

  constructor(decoder: TextPieceDecoder) {
    this.#decoder = decoder;
  }

  write(octets: Buffer): string {
    const whole = Buffer.concat([this.#rest, octets]);
    const line = whole.lastIndexOf(LF) + 1;
    const cut = whole.length - line > LINE_MAX ? whole.length : line;
    this.#rest = whole.subarray(cut);
    return this.#decoder.write(whole.subarray(0, cut));
  }

  end(): string {
    return this.#decoder.write(this.#rest) + this.#decoder.end();
  }
}

/** Decodes windows-1252, and so ISO-8859-1 and US-ASCII. */
export function decodeWindows1252(octets: Buffer): string {
  return octets
    .toString("latin1")
    .replace(/[\x80-\x9f]/g, (char) => WINDOWS_1252.charAt(char.charCodeAt(0) - 0x80));
}
