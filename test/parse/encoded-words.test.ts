import fc from "../support/fast-check.ts";
import { times } from "../support/octets.ts";
import { describe, expect, it } from "vitest";
import { decodeText, recodeWords } from "../../src/parse/encoded-words.ts";

const decode = (line: string): Promise<string> => decodeText(Buffer.from(line, "latin1"));
const B = (text: string, label = "utf-8"): string => `=?${label}?B?${Buffer.from(text).toString("base64")}?=`;

describe("decodeText", () => {
  it.each([
    // The examples of RFC 2047 section 8, without the parentheses of the comments they stand in.
    ["=?ISO-8859-1?Q?a?=", "a"],
    ["=?ISO-8859-1?Q?a?= b", "a b"],
    ["=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"],
    ["=?ISO-8859-1?Q?a?=  \t  =?ISO-8859-1?Q?b?=", "ab"],
    ["=?ISO-8859-1?Q?a_b?=", "a b"],
    ["=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"],
    ["=?utf-8?Q?=C3=A9?= =?ISO-8859-1?Q?=E9?=", "éé"],
    ["=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>"],
    ["=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?= <keld@dkuug.dk>", "Keld Jørn Simonsen <keld@dkuug.dk>"],
    [
      "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?= =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
      "If you can read this you understand the example.",
    ],
    // RFC 2231 section 5.
    ["=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"],
    ["=?utf-8*en?Q?=C3=A4?= =?UTF-8*de?Q?=C3=B6?=", "äö"],
    // Case, and what stands close to a word.
    ["=?utf-8?q?=c3=a4?=", "ä"],
    ["=?utf-8?b?w6Q=?=", "ä"],
    ["(=?utf-8?Q?=C3=A4?=)", "(ä)"],
    ['"=?utf-8?Q?=C3=A4?=" <a@b>', '"ä" <a@b>'],
    ["Re:=?utf-8?Q?=C3=A4?=!", "Re:ä!"],
    ["=?utf-8?Q?a?==?utf-8?Q?b?=", "ab"],
    ["=?utf-8?Q??= x", " x"],
    ["=?utf-8?Q?=3D=3F?=", "=?"],
    // Charsets.
    ["=?koi8-r?B?8NLJ18XU?=", "Привет"],
    ["=?windows-1252?Q?=80_=93x=94?=", "€ “x”"],
    ["=?gb18030?B?xOO6ww==?=", "你好"],
    ["=?cp437?Q?=81?=", "ü"],
    // Base64 without padding: each word stands for itself.
    ["=?utf-8?B?w6k?= =?utf-8?B?w6k?=", "éé"],
    ["=?utf-8?B?w6kg?= =?utf-8?B?w6k?= =?utf-8?B?IHgg?=", "é é x "],
    ["=?utf-8?B?w6k?= =?utf-8?B?w6k?= =?utf-8?B?w6k?= =?utf-8?B?w6k?=", "éééé"],
    ["=?utf-8?B?YQ?= =?utf-8?B?Yg?=", "ab"],
    ["=?windows-1252?B?6WE?= =?windows-1252?B?6Q?=", "éaé"],
    ["=?windows-1252?B?6WE?= =?windows-1252?B?6Q?= =?windows-1252?Q?=E9?=", "éaéé"],
    ["=?windows-1252?B?6WE=?= =?windows-1252?B?6WE?= =?windows-1252?B?6Q?=", "éaéaé"],
    ["=?utf-8?B?w6k?= =?utf-8?Q?=C3=A9?= =?utf-8?B?w6k?=", "ééé"],
    // Cut within a group of base64, with the padding of the whole or without.
    ["=?utf-8?B?5Lit5?= =?utf-8?B?paH?=", "中文"],
    ["=?utf-8?B?5Lit5?= =?utf-8?B?paHw6k=?=", "中文é"],
    ["=?utf-8?B?5Lit5?= =?utf-8?B?paHw6k?=", "中文é"],
    ["=?utf-7?Q?+ADw-script+AD4-?=", "+ADw-script+AD4-"],
    ["=?unicode-1-1-utf-7?B?K0FEdy1zY3JpcHQrQUQ0LQ==?=", "+ADw-script+AD4-"],
    ["=?x-unknown?Q?=E4?=", "ä"],
    ["=?x-unknown?Q?=C3=A4?=", "ä"],
    ["=?utf-8?Q?=FF?=", "\ufffd"],
  ])("%s", async (line, text) => {
    expect(await decode(line)).toBe(text);
  });

  it("joins words in one charset before it decodes them: a character may be split", async () => {
    expect(await decode("=?utf-8?B?4g==?= =?UTF-8?B?gqw=?=")).toBe("€");
    expect(await decode("=?utf-8?Q?=E2=82?= =?utf-8?B?rA==?=")).toBe("€");
    expect(await decode("=?utf-8?Q?=E2?= =?utf-8?Q?=82?= =?utf-8?Q?=AC?= x")).toBe("€ x");
    expect(await decode("=?utf-8?Q?=E2=82?= x =?utf-8?Q?=AC?=")).toBe("\ufffd x \ufffd");
    const word = "=?iso-2022-jp?B?GyRCJDMbKEI=?=";
    expect(await decode(`${word} ${word}`)).toBe("ここ");
  });

  it("joins words of a charset with shifts, of which the first word leaves one on", async () => {
    const [start, end] = ["GyRCJDM=", "JDMbKEI="]; // a shift on and a character, a character and a shift off
    expect(await decode(`=?iso-2022-jp?B?${start}?= =?iso-2022-jp?B?${end}?=`)).toBe("ここ");
    expect(await decode("=?iso-2022-jp?B?GyRC JDM=?= =?iso-2022-jp?B?JDMb KEJh?=")).toBe("ここa");
    expect(await decode("=?iso-2022-jp?Q?=1B$B$3?= =?iso-2022-jp?B?JDMbKEJh?=")).toBe("ここa");
  });

  it("joins words that were cut within a group of base64, in a charset in which every byte is a character", async () => {
    expect(await decode("=?iso-8859-1?B?YeliZ?= =?iso-8859-1?B?WE?=")).toBe("aébea");
    expect(await decode("=?iso-8859-1?B?YWJj?= =?iso-8859-1?B?YeliZ?= =?iso-8859-1?B?WE?=")).toBe("abcaébea");
  });

  it("continues base64 that stops in mid-quantum in the next word", async () => {
    expect(await decode("=?utf-8?B?w6?= =?utf-8?B?Q=?=")).toBe("ä");
    expect(await decode("=?utf-8?B?w6Q?=")).toBe("ä");
    expect(await decode("=?utf-8?B?w6Q=?= =?utf-8?B?w6Q=?=")).toBe("ää");
  });

  it("reads words that RFC 2047 forbids and senders write: with blanks and question marks", async () => {
    expect(await decode("=?utf-8?Q?a b=C3=A4?=")).toBe("a bä");
    expect(await decode("=?utf-8?B?w6 Q=?=")).toBe("ä");
    expect(await decode("=?utf-8?B?w6\tQ= ?=")).toBe("ä");
    expect(await decode("=?utf-8?Q?wie_geht's??=")).toBe("wie geht's?");
  });

  it("joins words with the one directly before them only", async () => {
    expect(await decode("=?utf-8?Q?a?= b =?utf-8?Q?c?= =?utf-8?Q?d?=")).toBe("a b cd");
  });

  it("accepts a name of a charset that is as long as a word may be", async () => {
    expect(await decode(`=?${"x".repeat(75)}?Q?a?=`)).toBe("a");
  });

  it.each([
    "=?",
    "=??=",
    "?=",
    "=?utf-8?=",
    "=?utf-8?Q?=",
    "=?utf-8?Q?a",
    "=?utf-8?Q?a?",
    "=?utf-8?X?a?=",
    "=?utf-8?QB?a?=",
    "=??Q?a?=",
    "=?ut f?Q?a?=",
    "=?utf=8?Q?a?=",
    `=?${"x".repeat(76)}?Q?a?=`,
    "=?utf-8?Q?=?=",
    "=?utf-8?Q?=4?=",
    ...["=4G", "=G4", "=4/", "=4@", "=/4", "=`4"].map((text) => `=?utf-8?Q?${text}?=`),
    ..."*-@[`{~:".split("").map((mark) => `=?utf-8?B?a${mark}b?=`),
    "=?utf-8?B?=a?=",
    "=?utf-8?B?w6Q=w6Q=?=",
  ])("leaves %s as it is", async (line) => {
    expect(await decode(line)).toBe(line);
    expect(await decode(`a ${line} b`)).toBe(`a ${line} b`);
  });

  it("reads on after what is malformed", async () => {
    expect(await decode("=?utf-8?Q?no end =?utf-8?Q?=C3=A4?=")).toBe("=?utf-8?Q?no end ä");
    expect(await decode("=?=?utf-8?Q?=C3=A4?=")).toBe("=?ä");
    expect(await decode("=?a?X?b?= =?utf-8?Q?=C3=A4?= x")).toBe("=?a?X?b?= ä x");
  });

  it("reads raw octets as UTF-8 if the field is valid UTF-8, else as windows-1252", async () => {
    expect(await decodeText(Buffer.from("Grüße =?utf-8?Q?=C3=A4?= €"))).toBe("Grüße ä €");
    expect(await decode("Gr\xfc\xdfe =?utf-8?Q?=C3=A4?= \x80")).toBe("Grüße ä €");
    // Not each piece by itself: the first could be UTF-8, the second cannot.
    expect(await decode("\xc3\xa4 =?utf-8?Q?=C3=A4?= \x80")).toBe("Ã¤ ä €");
  });

  it("never returns a line break", async () => {
    expect(await decode("=?utf-8?Q?a=0D=0ABcc:_x=00?=")).toBe("a  Bcc: x ");
    expect(await decode(`${B("a\n")} b`)).toBe("a  b");
  });

  it("decodes its own encoded words, wherever they were cut", async () => {
    const anyText = fc
      .string({ unit: "binary", maxLength: 20 })
      .map((text) => text.replace(/[\r\n\0]/g, "."));
    await fc.assert(
      fc.asyncProperty(anyText, fc.array(fc.nat(80)), fc.boolean(), async (text, cuts, q) => {
        const octets = Buffer.from(text);
        const at = [
          0,
          ...cuts.map((cut) => Math.min(cut, octets.length)).sort((a, b) => a - b),
          octets.length,
        ];
        const words = at.slice(1).map((end, index) => {
          const part = octets.subarray(at[index], end);
          const escaped = part.toString("hex").replace(/../g, "=$&");
          return q ? `=?utf-8?Q?${escaped}?=` : `=?utf-8?B?${part.toString("base64")}?=`;
        });
        expect(await decode(words.join(" "))).toBe(octets.toString().replace(/^\ufeff/, ""));
      }),
      { seed: 2047, numRuns: times(500) },
    );
  });

  it("decodes any octets", async () => {
    const hot = fc
      .array(
        fc.constantFrom(
          "=?",
          "?=",
          "?",
          "=",
          "utf-8",
          "Q",
          "B",
          "?Q?",
          "?B?",
          "_",
          " ",
          "=C3",
          "w6Q=",
          "\xff",
        ),
      )
      .map((parts) => parts.join(""));
    await fc.assert(
      fc.asyncProperty(hot, async (line) => typeof (await decode(line)) === "string"),
      { seed: 2231, numRuns: times(2000) },
    );
  });
});

// None of these would end in time if the search for a word started again at each possible beginning.
describe("decodeText takes linear time for", () => {
  const MIB = times(1024 * 1024);
  const fill = (unit: string): string => unit.repeat(Math.floor((2 * MIB) / unit.length));
  it.each([
    ["beginnings", fill("=?")],
    ["charsets", fill("=?a?")],
    ["words without an end", fill("=?a?Q?x")],
    ["words with one end far away", `${fill("=?a?Q?x")}?=`],
    ["base64 with one end far away", `${fill("=?a?B?AAAA ")}?=`],
    ["blanks with one end far away", `=?a?B?${fill(" ")}`],
    ["a charset without an end", `=?${fill("a")}`],
    ["ends", fill("?=")],
    ["question marks", `=?a?Q?${fill("?")}`],
    ["equals signs", fill("=")],
    ["blanks between", `=?a?Q?x?=${fill(" ")}x`],
    ["words", fill("=?utf-8?Q?x?= ")],
    ["words in two charsets", fill("=?utf-8?Q?x?= =?koi8-r?Q?x?= ")],
    ["malformed words between well-formed ones", fill("=?utf-8?Q?x?= =?utf-8?Q?=?= ")],
  ])("%s", async (_, line) => {
    expect((await decode(line)).length).toBeGreaterThan(0);
  });
});

describe("recodeWords", () => {
  it.each([
    ["=?iso-8859-1?Q?=E4?= b", "=?utf-8?B?w6Q=?= b"],
    ["=?utf-8?q?a?= =?utf-8?q?b?=", "=?utf-8?B?YWI=?="],
    ["a =?utf-8?q??= b", "a =?utf-8?B??= b"],
  ])("writes the words of %j in UTF-8", async (line, recoded) => {
    expect(await recodeWords(Buffer.from(line, "latin1"))).toBe(recoded);
  });

  it("does not make a word of the text around a word without text", async () => {
    const line = "=?a?q?=?a?q??=?=";
    expect(await decode(line)).toBe("=?a?q??=");
    expect(await decode(await recodeWords(Buffer.from(line)))).toBe("=?a?q??=");
  });
});
