// How the text of a message is decoded: transfer encodings, charsets and flowed lines, as senders write them.
import { describe, expect, it } from "vitest";
import { parseMessage } from "../../src/parse/index.ts";
import type { ParsedMessage } from "../../src/parse/index.ts";

const parse = (header: readonly string[], body: string): Promise<ParsedMessage> =>
  parseMessage(Buffer.from([...header, "", body].join("\r\n"), "latin1"));
const textOf = async (header: readonly string[], body: string): Promise<string | undefined> =>
  (await parse(header, body)).text;

describe("the charset of a text", () => {
  const utf8 = (text: string): string => Buffer.from(text).toString("latin1");

  it("is UTF-8 or windows-1252 if the message names none", async () => {
    for (const header of [
      ["Content-Type: text/plain"],
      ["Content-Type: text/plain", "Content-Transfer-Encoding: 8bit"],
      ["Content-Type: text/plain; charset="],
      ["Content-Type: text/plain; charset=us-ascii"],
      ["Content-Type: text/plain; charset=x-unknown"],
      ["Subject: no type"],
    ]) {
      expect(await textOf(header, "caf\xe9 \x96 10 \x80")).toBe("café – 10 €");
      expect(await textOf(header, utf8("café – 10 €"))).toBe("café – 10 €");
    }
    const quoted = ["Content-Type: text/plain", "Content-Transfer-Encoding: quoted-printable"];
    expect(await textOf(quoted, "caf=E9 =80")).toBe("café €");
    expect(await textOf(quoted, "caf=C3=A9")).toBe("café");
    const part = ["Content-Type: multipart/mixed; boundary=b"];
    expect(await textOf(part, "--b\r\n\r\ncaf\xe9\r\n--b--")).toBe("café");
  });

  it("is decided for the whole of a long text", async () => {
    const long = `${"ü".repeat(100_000)}€`;
    expect((await textOf([], utf8(long))) === long).toBe(true);
    const broken = Buffer.from(`x${utf8(long)}`, "latin1");
    expect(
      (await parseMessage(Buffer.concat([Buffer.from("A: 1\r\n\r\n"), broken]))).text === `x${long}`,
    ).toBe(true);
    const latin = await textOf(["A: 1"], `${"a".repeat(200_000)}\xe9`);
    expect(latin?.endsWith("aé")).toBe(true);
  });

  it("is what meta names in HTML, if the header names none", async () => {
    const russian = "\xcf\xf0\xe8\xe2\xe5\xf2";
    for (const meta of [
      '<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">',
      '<META charset="windows-1251">',
      "<meta charset=windows-1251 />",
      "<style>p { color: red }</style><meta\n charset = 'Windows-1251'>",
      '<!-- <meta charset="koi8-r"> --><meta charset="cp1251">',
    ]) {
      const { html } = await parse(["Content-Type: text/html"], `<head>${meta}</head>${russian}`);
      expect(html).toContain("Привет");
    }
    const named = await parse(
      ["Content-Type: text/html; charset=koi8-r"],
      '<meta charset="windows-1251">\xf0',
    );
    expect(named.html).toContain("П");
    const quoted = await parse(
      ["Content-Type: text/html", "Content-Transfer-Encoding: quoted-printable"],
      '<meta charset=3D"windows-1251">=CF',
    );
    expect(quoted.html).toContain("П");
  });

  it("is guessed in HTML whose meta is of no use", async () => {
    for (const meta of ["utf-7", "x-unknown", "utf-16", ""]) {
      const { html } = await parse(["Content-Type: text/html"], `<meta charset="${meta}">${utf8("é")}+ADw-`);
      expect(html).toContain("é+ADw-");
    }
    expect((await parse(["Content-Type: text/plain"], '<meta charset="koi8-r">\xe9')).text).toContain("é");
  });

  it("may be marked by a byte order mark, which is not text", async () => {
    const mark = "\xef\xbb\xbf";
    expect(await textOf(["Content-Type: text/plain; charset=utf-8"], `${mark}hi`)).toBe("hi");
    expect(await textOf(["Content-Type: text/plain"], `${mark}hi`)).toBe("hi");
    expect(await textOf(["Content-Type: text/plain"], "\xff\xfeh\0i\0")).toBe("hi");
    expect(await textOf(["Content-Type: text/plain; charset=utf-16"], "\xfe\xff\0h\0i")).toBe("hi");
    const base64 = ["Content-Type: text/plain; charset=UTF-8", "Content-Transfer-Encoding: base64"];
    expect(await textOf(base64, "77u/aGk=")).toBe("hi");
    const { text, html } = await parse(
      ["Content-Type: multipart/mixed; boundary=b"],
      `--b\r\n\r\n${mark}one\r\n--b\r\n\r\n${mark}two\r\n--b\r\nContent-Type: text/html\r\n\r\n${mark}<p>\r\n--b--`,
    );
    expect([text, html]).toEqual(["one\ntwo", "<p>"]);
  });

  it.each([
    ["shift_jis", "82a0"],
    ["cp932", "82a0"],
    ["gb18030", "8130d330"],
    ["iso-2022-jp", "1b2442 2422 1b2842"],
    ["utf-16le", "4230"],
    ["utf-32le", "42300000"],
    ["utf-8", "e38182"],
    ["cp437", "81"],
  ])("gives the same for a long text in %s as for a short one", async (charset, hex) => {
    const character = Buffer.from(hex.replaceAll(" ", ""), "hex");
    const header = Buffer.from(`Content-Type: text/plain; charset=${charset}\r\n\r\n`);
    const short = (await parseMessage(Buffer.concat([header, character]))).text ?? "";
    expect(short).not.toContain("\ufffd");
    const count = Math.ceil(200_001 / character.length);
    const long = await parseMessage(
      Buffer.concat([header, Buffer.alloc(count * character.length, character)]),
    );
    expect(long.text === short.repeat(count)).toBe(true);
  });
});

describe("format=flowed (RFC 3676)", () => {
  const flowed = async (text: string, parameters = ""): Promise<string | undefined> =>
    textOf(
      [`Content-Type: text/plain; charset=utf-8; Format=Flowed${parameters}`],
      text.replaceAll("\n", "\r\n"),
    );

  it.each([
    [
      "The quick brown \nfox\n> quoted text that \n> goes on\nanswer\n",
      "The quick brown fox\n> quoted text that goes on\nanswer\n",
    ],
    [">> two \n>> marks\n> one \n> mark", ">> two marks\n> one mark"],
    [">a \n>b\n>> c \nd", ">a b\n>> c \nd"],
    ["text \n> quote", "text \n> quote"],
    [" From the start\n > not a quote", "From the start\n> not a quote"],
    ["one \n  two", "one  two"],
    ["end \n-- \nAnn", "end \n-- \nAnn"],
    ["> end \n> -- \n> Ann", "> end \n> -- \n> Ann"],
    ["a\n\n\nb ", "a\n\n\nb "],
  ])("%j", async (text, joined) => {
    expect(await flowed(text)).toBe(joined);
  });

  it("removes the space with delsp", async () => {
    expect(await flowed("one \nword\n> an \n> other", "; DelSp=YES")).toBe("oneword\n> another");
  });

  it("is for text/plain alone", async () => {
    const { html } = await parse(["Content-Type: text/html; format=flowed"], "<a \r\nb>");
    expect(html).toBe("<a \nb>");
  });

  it("joins a long paragraph", async () => {
    const text = await flowed("> word \n".repeat(50_000));
    expect(text === `> ${"word ".repeat(50_000)}\n`).toBe(true);
  });
});

function wrapped(text: string, width: number): string {
  const count = Math.ceil(text.length / width);
  return Array.from({ length: count }, (_, index) => text.slice(index * width, (index + 1) * width)).join(
    "\r\n",
  );
}

describe("base64", () => {
  const base64 = (body: string, encoding = "base64"): Promise<string | undefined> =>
    textOf([`Content-Transfer-Encoding: ${encoding}`], body);

  it.each([
    // Text in clear after the padding.
    ["SGVsbG8=\r\n\r\n-- \r\nThis line was added by the list\r\n", "Hello"],
    ["SGVsbG8=\r\n____________\r\nlist\r\n", "Hello"],
    ["SGVsbG8= -- added", "Hello"],
    ["SGVs\r\nbG8=\r\nSent to you by the list\r\nSGVsbG8=", "Hello"],
    ["SGVsbG8h\r\n\r\n-- \r\nThis line was added", "Hello!"],
    // Another block.
    ["SGVsbG8=\r\nSGVsbG8=\r\n", "HelloHello"],
    ["SGVsbG8=SGVsbG8=", "HelloHello"],
    ["SGVsbG8=\r\n\r\nSGVs\r\nbG8=\r\n-- \r\nx", "HelloHello"],
    // What is not base64 within the data is skipped.
    ["SGVs*bG8=", "Hello"],
    ["SGVs\r\n  bG8", "Hello"],
    ["\r\nSGVsbG8", "Hello"],
  ])("%j", async (body, text) => {
    expect(await base64(body)).toBe(text);
  });

  it("is found in what senders write into the field", async () => {
    for (const encoding of ["base64;", '"base64"', "BASE64 (a comment)", " base64 ; x=y", "base64, 8bit"]) {
      expect(await base64("SGVsbG8=", encoding)).toBe("Hello");
    }
    for (const encoding of ["quoted-printable;", "'quoted-printable'", '"Quoted-Printable"']) {
      expect(await base64("=41", encoding)).toBe("A");
    }
    for (const encoding of ["7bit", "8bit", "binary", "x-unknown", "", ";"]) {
      expect(await base64("SGVs=41", encoding)).toBe("SGVs=41");
    }
  });

  it("is decoded wherever its lines are cut", async () => {
    const octets = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
    for (const width of [1, 3, 76, 1000, 200_000]) {
      const body = wrapped(octets.toString("base64"), width);
      const { attachments } = await parse(["Content-Type: a/b", "Content-Transfer-Encoding: base64"], body);
      expect(attachments[0]?.content.equals(octets)).toBe(true);
    }
  });
});

describe("quoted-printable", () => {
  it("is decoded wherever it is cut", async () => {
    const header = ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: quoted-printable"];
    for (const [unit, decoded] of [
      ["=C3=A9", "é"],
      ["a=\r\n", "a"],
      ["a \t\r\n", "a\n"],
      ["=4", "=4"],
      ["=zz", "=zz"],
    ] as const) {
      const text = await textOf(header, `x${unit.repeat(50_000)}.`);
      expect(text === `x${decoded.repeat(50_000)}.`).toBe(true);
    }
    expect(await textOf(header, "a=")).toBe("a");
    expect(await textOf(header, "a= \r\nb \t")).toBe("ab");
  });
});

describe("uuencode", () => {
  const DATA = "begin 644 a.txt\r\n%2&5L;&\\^\r\n`\r\nend\r\n";
  const contentOf = async (encoding: string, body: string): Promise<string | undefined> => {
    const { attachments } = await parse(
      ["Content-Type: a/b", `Content-Transfer-Encoding: ${encoding}`],
      body,
    );
    return attachments[0]?.content.toString("latin1");
  };

  it("is decoded under each of its names", async () => {
    for (const name of ["uuencode", "x-uuencode", "uue", "X-UUE"])
      expect(await contentOf(name, DATA)).toBe("Hello");
  });

  it("may have text around it, spaces for zeros, or no end", async () => {
    expect(await contentOf("uuencode", `see below\r\n\r\n${DATA}\r\n-- \r\nAnn\r\n`)).toBe("Hello");
    expect(await contentOf("uuencode", "begin 0644 a\n#````\n \nend\n")).toBe("\0\0\0");
    expect(await contentOf("uuencode", "begin 644 a\n#\n")).toBe("");
    expect(await contentOf("uuencode", "begin 644 a\n%2&5L;&\\")).toBe("Hello");
  });

  it("stays as it is if it does not begin", async () => {
    expect(await contentOf("uuencode", "plain text")).toBe("plain text");
  });

  it("is decoded in text, and in lines of the usual length", async () => {
    expect(await textOf(["Content-Transfer-Encoding: x-uuencode"], DATA)).toBe("Hello");
    const line = `M${"04%!".repeat(15)}\n`;
    expect(await contentOf("uue", `begin 644 a\n${line.repeat(3000)}end\n`)).toBe("AAA".repeat(45_000));
  });
});
