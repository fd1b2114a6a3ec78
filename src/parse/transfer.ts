// Decodes the transfer encoding of a part slice by slice: base64, quoted-printable and uuencode.
import type { Turns } from "./turns.ts";

/** Decodes the bytes of one part. The slices may end anywhere. */
interface TransferDecoder {
  write(slice: Buffer): Buffer;
  end(): Buffer;
}

/** The most that is kept of a line whose end has not come yet. RFC 5322 allows 998 bytes. */
const LINE_MAX = 4096;

/** Yields the decoded bytes of a part. Under any other encoding the bytes stay as they are. */
export async function* decodeTransfer(
  body: readonly Buffer[],
  encoding: string,
  turns: Turns,
): AsyncGenerator<Buffer, void> {
  const decoder = transferDecoder(encoding, body);
  if (decoder === undefined) {
    yield* turns.slices(body);
    return;
  }
  for await (const slice of turns.slices(body)) yield decoder.write(slice);
  yield decoder.end();
}

function transferDecoder(encoding: string, body: readonly Buffer[]): TransferDecoder | undefined {
  switch (encoding) {
    case "base64":
      return new Base64();
    case "quoted-printable":
      return new QuotedPrintable();
    case "uuencode":
    case "x-uuencode":
    case "uue":
    case "x-uue":
      return /^begin [0-7]/m.test(startOf(body)) ? new Uuencode() : undefined;
    default:
      return undefined;
  }
}

/** Returns the start of the part, however it is cut. */
function startOf(body: readonly Buffer[]): string {
  let start = "";
  for (const piece of body) {
    start += piece.toString("latin1", 0, LINE_MAX - start.length);
    if (start.length === LINE_MAX) break;
  }
  return start;
}

/** Cuts the bytes after the last line end of each slice, and keeps the rest for the next slice. */
abstract class LineDecoder implements TransferDecoder {
  #rest = "";

  write(slice: Buffer): Buffer {
    const text = this.#rest + slice.toString("latin1");
    let cut = text.lastIndexOf("\n") + 1;
    if (text.length - cut > LINE_MAX) {
      // An escape is not cut: "=" and the two digits after it stay together.
      cut = text.length - 2;
      if (text.charAt(cut - 1) === "=") cut--;
      else if (text.charAt(cut - 2) === "=") cut -= 2;
    }
    this.#rest = text.slice(cut);
    return this.lines(text.slice(0, cut));
  }

  end(): Buffer {
    return this.lines(this.#rest, true);
  }

  /** Decodes whole lines. The last is only a part of one if it is very long, or if it is the `last` of all. */
  protected abstract lines(text: string, last?: boolean): Buffer;
}

/**
 * Base64 (RFC 2045 section 6.8). Several padded blocks may follow one another. Mailing lists and gateways add
 * plain text: the data ends at a line that is not base64, if padding or an empty line comes before it.
 * Elsewhere, other characters are skipped.
 */
class Base64 extends LineDecoder {
  #quantum = "";
  #padded = false;
  #afterEmptyLine = false;
  #ended = false;

  protected override lines(text: string): Buffer {
    if (this.#ended) return Buffer.alloc(0);
    // A line of blanks is an empty one, too.
    const mayEnd = this.#padded || this.#afterEmptyLine || /=|(?:^|\n)[^\S\n]*\n/.test(text);
    const data = mayEnd ? this.#dataOf(text) : text;
    return this.#decode(data.replace(/[^A-Za-z0-9+/=]+/g, ""));
  }

  override end(): Buffer {
    return Buffer.concat([super.end(), Buffer.from(this.#quantum, "base64")]);
  }

  #dataOf(text: string): string {
    let data = "";
    for (const line of text.replace(/\n$/, "").split("\n")) {
      const word = line.trim();
      if (this.#ended) break;
      if (word === "") {
        this.#afterEmptyLine = true;
        continue;
      }
      if ((this.#padded || this.#afterEmptyLine) && !this.#isData(word)) this.#ended = true;
      else data += this.#untilText(word);
      this.#afterEmptyLine = false;
    }
    return data;
  }

  #isData(word: string): boolean {
    return /^[A-Za-z0-9+/=]+$/.test(word) && (!this.#padded || word.includes("=") || word.length % 4 === 0);
  }

  /** Returns a line of data up to its padding, if other text follows that on the same line. */
  #untilText(word: string): string {
    const padding = word.indexOf("=");
    if (padding < 0) return word;
    this.#padded = true;
    const text = word.slice(padding).search(/[^A-Za-z0-9+/=]/);
    if (text < 0) return word;
    this.#ended = true;
    return word.slice(0, padding + text);
  }

  /** Each block of padded base64 is decoded for itself. What is not four characters yet waits for more. */
  #decode(data: string): Buffer {
    const octets = Buffer.allocUnsafe(Math.ceil(((this.#quantum.length + data.length) * 3) / 4));
    let length = 0;
    let start = 0;
    for (let pad = data.indexOf("="); pad >= 0; pad = data.indexOf("=", start)) {
      length += octets.write(this.#quantum + data.slice(start, pad), length, "base64");
      this.#quantum = "";
      start = pad + 1;
    }
    const rest = this.#quantum + data.slice(start);
    const whole = rest.length - (rest.length % 4);
    length += octets.write(rest.slice(0, whole), length, "base64");
    this.#quantum = rest.slice(whole);
    return octets.subarray(0, length);
  }
}

/** Character → value of a hexadecimal digit, or -1. */
const HEX = new Int8Array(256).fill(-1);
for (const digit of "0123456789ABCDEFabcdef") HEX[digit.charCodeAt(0)] = Number.parseInt(digit, 16);

const [LF, CR, EQUALS] = [0x0a, 0x0d, 0x3d];

/** Quoted-printable (RFC 2045 section 6.7). Blanks before a line end are removed; a malformed `=` stays. */
class QuotedPrintable extends LineDecoder {
  protected override lines(text: string, last = false): Buffer {
    // The first group keeps a long run of blanks from being matched again at each of its characters.
    const blanks = last ? /(^|[^ \t])[ \t]+(?=\r?\n|$)/g : /(^|[^ \t])[ \t]+(?=\r?\n)/g;
    const line = text.replace(blanks, "$1");
    const octets = Buffer.allocUnsafe(line.length);
    let length = 0;
    for (let at = 0; at < line.length; at++) {
      let octet = line.charCodeAt(at);
      if (octet === EQUALS) {
        const [first, second] = [line.charCodeAt(at + 1), line.charCodeAt(at + 2)];
        const high = HEX[first] ?? -1;
        const low = HEX[second] ?? -1;
        if (high >= 0 && low >= 0) {
          octet = high * 16 + low;
          at += 2;
        } else if (first === LF || (first === CR && second === LF) || (last && at === line.length - 1)) {
          // A soft line break.
          at += first === CR ? 2 : 1;
          continue;
        }
      }
      octets[length++] = octet;
    }
    return octets.subarray(0, length);
  }
}

/** The format of uuencode: after a line `begin`, each line has its length and 6 bits in each character. */
class Uuencode extends LineDecoder {
  #state: "before" | "data" | "after" = "before";

  protected override lines(text: string): Buffer {
    const octets = Buffer.allocUnsafe(text.length);
    let length = 0;
    for (const line of text.split("\n")) {
      if (this.#state === "before") {
        if (/^begin [0-7]/.test(line)) this.#state = "data";
      } else if (this.#state === "data" && line !== "") {
        const size = uuValue(line, 0);
        if (size === 0 || /^end\r?$/.test(line)) this.#state = "after";
        else length += decodeUuLine(line, size, octets, length);
      }
    }
    return octets.subarray(0, length);
  }
}

function decodeUuLine(line: string, size: number, octets: Buffer, start: number): number {
  const end = start + Math.min(size, Math.floor(((line.trimEnd().length - 1) * 3) / 4));
  for (let to = start, from = 1; to < end; from += 4) {
    const [a, b, c, d] = [0, 1, 2, 3].map((index) => uuValue(line, from + index)) as [
      number,
      number,
      number,
      number,
    ];
    for (const octet of [(a << 2) | (b >> 4), (b << 4) | (c >> 2), (c << 6) | d]) {
      if (to < end) octets[to++] = octet & 0xff;
    }
  }
  return Math.max(0, end - start);
}

/** Some programs write a backtick instead of a space: both are 0. Some strip spaces at the end of a line. */
function uuValue(line: string, at: number): number {
  const code = line.charCodeAt(at);
  return code >= 0x20 && code <= 0x60 ? (code - 0x20) & 0x3f : 0;
}
