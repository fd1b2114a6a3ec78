// Decodes bytes in any charset to a string. It accepts any bytes and any label.
import { isUtf8 } from "node:buffer";
import { types } from "node:util";

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

/**
 * Codecs of iconv-lite that a label must not select. Most are not charsets. UTF-7 is one, but it hides markup
 * from every filter that looks for `<`: `+ADw-script+AD4-` is `<script>`. Browsers and mail readers no longer
 * decode it.
 */
const REFUSED = /^(?:base64|hex|internal|(?:(?:cs)?unicode11)?utf7(?:imap)?)$/;

/** The maximum length of a label. No charset has a longer name, so a longer label is not looked up. */
const LABEL_MAX = 64;

type Decode = (octets: Buffer) => string;

/** Label → decoder. Only known labels are added, so the map cannot grow without limit. */
const decoders = new Map<string, Decode>([
  ["utf-8", decodeUtf8],
  ["utf8", decodeUtf8],
  ["utf-16", decodeUtf16],
  ["utf16", decodeUtf16],
  ...ISO_2022_JP_LABELS.map((label): [string, Decode] => [label, decodeIso2022Jp]),
]);

/**
 * Decodes bytes in the charset with the given label: `utf-8`, `koi8-r`, `iso-2022-jp`, `cp437` and so on.
 *
 * - Ignores case, blanks and quotes around the label, and the language of RFC 2231 (`utf-8*en`).
 * - Reads `iso-8859-1` and `us-ascii` as windows-1252, which is a superset of both.
 * - Reads `utf-16` without a byte order mark as big-endian (RFC 2781 section 4.3).
 * - With an unknown label: UTF-8 if the bytes are valid UTF-8, otherwise windows-1252. UTF-7 counts as unknown:
 *   its bytes are returned as they are (`+ADw-`), since decoding them can produce markup that no filter saw.
 * - Invalid bytes become U+FFFD. A byte order mark is removed.
 *
 * Loads `iconv-lite` at the first label that the platform's `TextDecoder` does not know.
 *
 * Rejects with a `TypeError` if `octets` is not a `Uint8Array` or `label` is not a string, and for no other
 * reason.
 */
export async function decodeCharset(octets: Uint8Array, label: string): Promise<string> {
  if (!types.isUint8Array(octets)) throw new TypeError("octets must be a Buffer or Uint8Array");
  if (typeof label !== "string") throw new TypeError("label must be a string");
  const name = normalizeLabel(label);
  const decode = decoders.get(name) ?? (await findDecoder(name));
  return decode(Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength));
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

async function findDecoder(name: string): Promise<Decode> {
  const decode = platformDecoder(name) ?? (await iconvDecoder(name));
  if (decode === undefined) return decodeUnlabelled;
  decoders.set(name, decode);
  return decode;
}

function platformDecoder(name: string): Decode | undefined {
  if (WINDOWS_1252_LABELS.has(name)) return decodeWindows1252;
  try {
    const decoder = new TextDecoder(name);
    return (octets) => decoder.decode(octets);
  } catch {
    return undefined; // a RangeError: TextDecoder does not know the label
  }
}

async function iconvDecoder(name: string): Promise<Decode | undefined> {
  if (name.length > LABEL_MAX || REFUSED.test(iconvName(name))) return undefined;
  const { default: iconv } = await import("iconv-lite");
  return iconv.encodingExists(name) ? (octets) => iconv.decode(octets, name) : undefined;
}

/** Returns the name under which iconv-lite looks for a codec: `utf-7:1994` is `utf7`. */
function iconvName(label: string): string {
  return label.replace(/:\d{4}$|[^0-9a-z]/g, "");
}

function decodeUtf8(octets: Buffer): string {
  const marked = octets[0] === 0xef && octets[1] === 0xbb && octets[2] === 0xbf;
  return octets.toString("utf8", marked ? 3 : 0);
}

function decodeUtf16(octets: Buffer): string {
  const little = octets[0] === 0xff && octets[1] === 0xfe;
  return new TextDecoder(little ? "utf-16le" : "utf-16be").decode(octets);
}

/**
 * Decodes ISO-2022-JP. If two encoded-words are joined, one escape sequence may directly follow another, for
 * which TextDecoder returns U+FFFD. The first of the two has no effect and is removed.
 */
function decodeIso2022Jp(octets: Buffer): string {
  const text = octets.toString("latin1").replace(/\x1b(?:\([A-J]|\$[@-B]|\$\([C-D])(?=\x1b)/g, "");
  return new TextDecoder("iso-2022-jp").decode(Buffer.from(text, "latin1"));
}

/** Decodes windows-1252, and so ISO-8859-1 and US-ASCII. */
export function decodeWindows1252(octets: Buffer): string {
  return octets
    .toString("latin1")
    .replace(/[\x80-\x9f]/g, (char) => WINDOWS_1252.charAt(char.charCodeAt(0) - 0x80));
}
