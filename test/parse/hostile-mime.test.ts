import { describe, expect, it } from "vitest";
import { parseMessage } from "../../src/parse/index.ts";
import type { ParsedMessage, ParseOptions } from "../../src/parse/index.ts";

const MIB = 1024 * 1024;
const fill = (unit: string, size: number): string => unit.repeat(Math.floor(size / unit.length));
const parse = (text: string, options?: ParseOptions): Promise<ParsedMessage> =>
  parseMessage(Buffer.from(text, "latin1"), options);
const body = (type: string, encoding: string, text: string): string =>
  `Content-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n${text}`;
const multipart = (parts: string): string => body("multipart/mixed; boundary=b", "8bit", `${parts}--b--\r\n`);
const part = (header: string): string => `--b\r\n${header}\r\n\r\nx\r\n`;
const nested = (depth: number): string => {
  let text = "Content-Type: multipart/mixed; boundary=b0\r\n\r\n";
  for (let level = 1; level < depth; level++) {
    text += `--b${level - 1}\r\nContent-Type: multipart/mixed; boundary=b${level}\r\n\r\n`;
  }
  return `${text}--b${depth - 1}\r\n\r\ntext\r\n`;
};
const tooLarge = { name: "Pop3Error", code: "POP3_MESSAGE_TOO_LARGE" };

describe("parseMessage accepts large and harmless input:", () => {
  it("20 MiB of HTML, without parsing it", async () => {
    const html = fill("<div>", 20 * MIB);
    const message = await parse(body("text/html", "8bit", html));
    expect(message.html?.length).toBe(html.length);
    expect(message).not.toHaveProperty("text");
  });

  it("as many parts as allowed, in sequence and nested", async () => {
    const part = "--b\r\nContent-Type: application/octet-stream\r\n\r\nx\r\n";
    expect((await parse(multipart(part.repeat(998)))).attachments).toHaveLength(998);
    expect((await parse(nested(998))).text).toBe("text\n");
  });

  it("endlessly nested messages, of which it opens only the first", async () => {
    const text = fill("Content-Type: message/rfc822\r\nContent-Disposition: inline\r\n\r\n", 8 * MIB);
    const { attachments } = await parse(text);
    expect(attachments).toHaveLength(1);
  });

  it("10 MiB of ISO-2022-JP, and 10 MiB without a character of base64", async () => {
    expect(
      (await parse(body("text/plain; charset=iso-2022-jp", "7bit", "a".repeat(10 * MIB)))).text?.length,
    ).toBe(10 * MIB);
    expect((await parse(body("text/plain", "base64", "!".repeat(10 * MIB)))).text).toBeUndefined();
  });
});

// With mailparser 3.9 alone each of these took minutes, or more memory than there is.
describe("parseMessage reads in linear time", () => {
  it.each<[string, string, number]>([
    [
      "a run of blanks in quoted-printable",
      body("text/plain", "quoted-printable", `${" ".repeat(1_000_000)}x`),
      1_000_001,
    ],
    ["CRs in the header of a part", multipart(`--b\r\nX: ${"\r".repeat(200_000)}x\r\n\r\nx\r\n`), 1],
    ["20 MiB of line ends", body("text/plain", "8bit", "\n".repeat(20 * MIB)), 0],
    ["20 MiB of padding", body("text/plain", "base64", fill("A=", 20 * MIB)), 0],
    ["60 MiB of escapes", body("text/plain", "quoted-printable", fill("=41", 60 * MIB)), 20 * MIB],
    ["20 MiB of UTF-7", body("text/plain; charset=utf-7", "7bit", fill("+AGE-", 20 * MIB)), 20 * MIB],
    ["groups of addresses in parts", multipart(part(`To: ${fill("g:", 200_000)}`).repeat(20)), 39],
    ["references in parts", multipart(part(fill("References: <a>\r\n", MIB / 32)).repeat(20)), 59],
    [
      "parameters in parts",
      multipart(part(`Content-Type: text/plain; ${fill("a=b;", 200_000)}`).repeat(20)),
      39,
    ],
    ["open comments in a part", multipart(part(`Content-Type: text/plain; ${fill("(", 200_000)}`)), 1],
  ])("%s", async (_, text, length) => {
    // Only the length: a failure must not print the text.
    expect((await parse(text)).text?.length ?? 0).toBeLessThanOrEqual(length);
  });
});

describe("parseMessage refuses", () => {
  it.each([
    ["6 MiB of line ends between parts", multipart("\n".repeat(6 * MIB))],
    ["a million parts", multipart("--b\r\n\r\nx\r\n".repeat(1_000_000))],
    ["10,000 levels of parts", nested(10_000)],
    ["a part's header of 1 MiB", multipart(part(`X: ${"a".repeat(MIB)}`))],
    ["10 MiB of addresses", `To: ${fill("a@b,", 10 * MIB)}\r\n\r\nx`],
    ["a subject of 20 MiB", `Subject: ${"a".repeat(20 * MIB)}\r\n\r\ntext`],
    ["a million fields", `Subject: a\r\n${"References: <a>\r\n".repeat(1_000_000)}\r\ntext`],
    ["65 MiB", "x".repeat(65 * MIB)],
  ])("%s", async (_, text) => {
    await expect(parse(text).then(({ attachments }) => attachments.length)).rejects.toMatchObject(tooLarge);
  });

  it("input above the given limits, and accepts input at the limits", async () => {
    const text = "Subject: a\r\n\r\ntext";
    expect((await parse(text, { maxMessageSize: text.length })).text).toBe("text");
    await expect(parse(text, { maxMessageSize: text.length - 1 })).rejects.toMatchObject(tooLarge);

    const parts = multipart("--b\r\n\r\nx\r\n".repeat(3));
    expect((await parse(parts, { maxParts: 4 })).text).toBe("x\nx\nx");
    await expect(parse(parts, { maxParts: 3 })).rejects.toMatchObject(tooLarge);

    const addresses = `To: ${fill("a@b,", 2000)}\r\n\r\n`;
    expect((await parse(addresses, { maxHeaderSize: 2100 })).to).toHaveLength(500);
    await expect(parse(addresses, { maxHeaderSize: 1900 })).rejects.toMatchObject(tooLarge);
  });

  it("no input that is only larger than usual, if the limit is raised", async () => {
    const line = `${fill("QUJDREVGR0hJSktMTU5P", 60)}QUJDREVGR0hJSk+M\r\n`;
    const options = { maxMessageSize: 80 * MIB };
    const { attachments } = await parse(body("image/png", "base64", fill(line, 70 * MIB)), options);
    expect(attachments[0]?.size).toBeGreaterThan(50 * MIB);
  });
});
