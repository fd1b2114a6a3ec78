import fc from "../support/fast-check.ts";
import iconv from "iconv-lite";
import { describe, expect, it } from "vitest";
import { decodeCharset, openDecoder } from "../../src/parse/charset.ts";
import { everyCut } from "../support/octets.ts";

const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(" ", ""), "hex");

async function inPieces(pieces: readonly Buffer[], label: string): Promise<string> {
  const decoder = await openDecoder(label);
  if (decoder === undefined) throw new Error(`${label} is unknown`);
  return pieces.map((piece) => decoder.write(piece)).join("") + decoder.end();
}

describe("decodeCharset", () => {
  it.each([
    ["utf-8", "c3a4e282ac", "ä€"],
    ["iso-8859-1", "e4f6fc", "äöü"],
    ["windows-1252", "80 93 94", "€“”"],
    ["iso-8859-15", "a4", "€"],
    ["koi8-r", "f0d2c9d7c5d4", "Привет"],
    ["windows-1251", "cff0e8e2e5f2", "Привет"],
    ["gb18030", "c4e3bac3", "你好"],
    ["gb2312", "c4e3bac3", "你好"],
    ["big5", "a741a66e", "你好"],
    ["euc-kr", "bec8b3e7", "안녕"],
    ["shift_jis", "82b182f1", "こん"],
    ["euc-jp", "a4b3a4f3", "こん"],
    ["iso-2022-jp", "1b2442 2433 2473 1b2842", "こん"],
    ["iso-8859-8-i", "f9ec", "של"],
    ["cp437", "8184", "üä"],
    ["cp850", "819b", "üø"],
    ["iso-8859-16", "a4", "€"],
    ["utf-16le", "6100e400", "aä"],
  ])("decodes %s", async (label, octets, text) => {
    expect(await decodeCharset(hex(octets), label)).toBe(text);
  });

  it("reads Latin-1 and US-ASCII as windows-1252, which senders mean", async () => {
    for (const label of ["iso-8859-1", "ISO_8859-1", "latin1", "us-ascii", "ASCII", "cp1252"]) {
      expect(await decodeCharset(hex("80 92 9f e9"), label)).toBe("€’Ÿé");
    }
    expect(await decodeCharset(hex("81 8d 8f 90 9d"), "windows-1252")).toBe("\x81\x8d\x8f\x90\x9d");
  });

  it("takes a label in any case, with blanks, quotes and a language", async () => {
    for (const label of ["KOI8-R", " koi8-r ", '"koi8-r"', "'koi8-r'", "koi8-r*ru"]) {
      expect(await decodeCharset(hex("f0"), label)).toBe("П");
    }
  });

  it("honours a byte order mark, and reads UTF-16 without one as big-endian", async () => {
    expect(await decodeCharset(hex("efbbbf61"), "utf-8")).toBe("a");
    expect(await decodeCharset(hex("feff0061"), "utf-16")).toBe("a");
    expect(await decodeCharset(hex("fffe6100"), "utf-16")).toBe("a");
    expect(await decodeCharset(hex("0061"), "utf-16")).toBe("a");
  });

  it("reads successive escape sequences of ISO-2022-JP", async () => {
    const word = "1b2442 2433 1b2842";
    expect(await decodeCharset(hex(word + word), "iso-2022-jp")).toBe("ここ");
    expect(await decodeCharset(hex("1b2442 1b2842 61"), "ISO-2022-JP")).toBe("a");
  });

  it("falls back to UTF-8, then to windows-1252, for an unknown label", async () => {
    const unknown = ["x-unknown", "", "8bit", "__proto__", "constructor", "x".repeat(100_000)];
    for (const label of unknown) {
      expect(await decodeCharset(hex("c3a4"), label)).toBe("ä");
      expect(await decodeCharset(hex("e480"), label)).toBe("ä€");
    }
  });

  it("never decodes UTF-7, which can hide markup, under any of its names", async () => {
    const labels = [
      "utf-7",
      "UTF7",
      "utf_7",
      "utf-7:1994",
      "UTF-7-IMAP",
      "unicode-1-1-utf-7",
      '"csUnicode11UTF7"*en',
    ];
    for (const label of labels) {
      expect(await decodeCharset(Buffer.from("+ADw-script+AD4- &AOQ-"), label)).toBe(
        "+ADw-script+AD4- &AOQ-",
      );
    }
  });

  it("does not accept the codecs of iconv-lite as charsets", async () => {
    for (const label of ["base64", "hex", "HEX", "_internal", "cesu-8", "CESU8"]) {
      expect(await decodeCharset(Buffer.from("plain"), label)).toBe("plain");
    }
  });

  it("reads UTF-32 in the order of its mark, otherwise as big-endian, at every cut", async () => {
    const samples = [
      ["fffe0000 61000000 00f60100", "a\u{1f600}"],
      ["0000feff 00000061", "a"],
      ["00000061 0000000a 0001f600", "a\n\u{1f600}"],
      ["61000000 61000000 61000000", "\ufffd\ufffd\ufffd"],
    ] as const;
    for (const [octets, text] of samples) {
      expect(await decodeCharset(hex(octets), "utf-32")).toBe(text);
      for (const pieces of everyCut(hex(octets))) expect(await inPieces(pieces, "UTF32")).toBe(text);
    }
  });

  it.each(["gb18030", "big5", "euc-jp", "euc-kr", "shift_jis", "iso-2022-jp", "utf-8"])(
    "decodes octets that are not %s, at every cut",
    async (label) => {
      for (const octets of ["d031 61", "8130 8161", "61 f09f 61", "8fa1 1b24 61", "1b 1b 61", "d031"]) {
        const text = await decodeCharset(hex(octets), label);
        for (const pieces of everyCut(hex(octets))) expect(await inPieces(pieces, label)).toBe(text);
      }
    },
  );

  it("replaces invalid octets by U+FFFD", async () => {
    expect(await decodeCharset(hex("61ff62"), "utf-8")).toBe("a\ufffdb");
    expect(await decodeCharset(hex("a4ff"), "euc-jp")).toContain("\ufffd");
  });

  it("decodes any octets with any label", async () => {
    iconv.encodingExists("utf-8"); // fills the list
    const labels = [...Object.keys(iconv.encodings ?? {}), "iso-2022-jp", "iso-2022-kr", "hz-gb-2312"];
    expect(labels.length).toBeGreaterThan(300);
    const anyOctets = fc.uint8Array({ maxLength: 40 });
    for (const label of labels) {
      await fc.assert(
        fc.asyncProperty(
          anyOctets,
          async (octets) => typeof (await decodeCharset(octets, label)) === "string",
        ),
        { seed: 2047, numRuns: 20 },
      );
    }
  });

  it("accepts a view of a larger buffer", async () => {
    const whole = hex("ff c3a4 ff");
    expect(await decodeCharset(new Uint8Array(whole.buffer, whole.byteOffset + 1, 2), "utf-8")).toBe("ä");
  });

  it("rejects if the source has no octets or the label is not a string", async () => {
    const refused = { code: "POP3_INVALID_ARGUMENT" };
    await expect(decodeCharset("text" as unknown as Buffer, "utf-8")).rejects.toMatchObject(refused);
    await expect(decodeCharset(Buffer.from("a"), undefined as never)).rejects.toMatchObject(refused);
  });
});
