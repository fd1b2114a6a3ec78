// Which parts of a message are its text, and which are attachments: what senders get wrong.
import { describe, expect, it } from "vitest";
import { parseMessage } from "../../src/parse/index.ts";
import type { ParsedMessage } from "../../src/parse/index.ts";

const lines = (...of: string[]): string => of.join("\r\n");
const parse = (...text: string[]): Promise<ParsedMessage> =>
  parseMessage(Buffer.from(lines(...text, ""), "latin1"));

/** A multipart whose boundary is `b`. Each part is its header fields, an empty line and its body. */
const multipart = (subtype: string, ...parts: string[][]): Promise<ParsedMessage> =>
  parse(
    `Content-Type: multipart/${subtype}; boundary=b`,
    "",
    ...parts.flatMap((part) => ["--b", ...part]),
    "--b--",
  );

const BODY = ["Content-Type: text/plain", "", "body"];

describe("multipart/digest (RFC 2046 section 5.1.5)", () => {
  const message = ["From: x@example.org", "Subject: inner", "", "text"];

  it("has messages in its parts, not text", async () => {
    for (const type of ["digest", "DIGEST"]) {
      const { attachments, text } = await multipart(type, ["", ...message], ["", ...message]);
      expect(attachments.map(({ contentType }) => contentType)).toEqual(["message/rfc822", "message/rfc822"]);
      expect(attachments.map(({ content }) => content.toString())).toEqual([
        lines(...message),
        lines(...message),
      ]);
      expect(text).toBeUndefined();
    }
  });

  it("has messages in parts with other fields, or with an invalid type", async () => {
    const { attachments } = await multipart(
      "digest",
      ["Content-Description: one", "", ...message],
      ["Content-Type: message", "", ...message],
    );
    expect(attachments.map(({ contentType }) => contentType)).toEqual(["message/rfc822", "message/rfc822"]);
  });

  it("has what a part says it is", async () => {
    const { attachments, text } = await multipart("digest", BODY, ["", ...message]);
    expect(text).toBe("body");
    expect(attachments).toHaveLength(1);
  });

  it("may be within another multipart, whose own parts are text", async () => {
    const { attachments, text } = await multipart(
      "mixed",
      ["", "contents"],
      ["Content-Type: multipart/digest; boundary=c", "", "--c", "", ...message, "--c--"],
    );
    expect(text).toBe("contents");
    expect(attachments.map(({ contentType }) => contentType)).toEqual(["message/rfc822"]);
    expect((await parseMessage(attachments[0]?.content ?? Buffer.alloc(0))).subject).toBe("inner");
  });
});

describe("a text with a file name", () => {
  const file = (...header: string[]): string[] => [...header, "", "log line"];
  const INLINE = file("Content-Type: text/plain", 'Content-Disposition: inline; filename="log.txt"');

  it("is an attachment if another part is the body", async () => {
    for (const part of [
      INLINE,
      file('Content-Type: text/plain; name="log.txt"'),
      file("Content-Disposition: inline; filename=log.txt"),
      file("Content-Type: text/html; name=log.txt", "Content-Disposition: INLINE"),
    ]) {
      for (const parts of [
        [BODY, part],
        [part, BODY],
      ]) {
        const { text, html, attachments } = await multipart("mixed", ...parts);
        expect([text, html]).toEqual(["body", undefined]);
        expect(attachments.map(({ filename }) => filename)).toEqual(["log.txt"]);
        expect(attachments[0]?.content.toString()).toBe("log line");
      }
    }
    const { attachments } = await multipart("mixed", BODY, INLINE);
    expect(attachments[0]?.contentDisposition).toBe("inline");
  });

  it("is an attachment if the body is in an alternative", async () => {
    const { text, html, attachments } = await multipart(
      "mixed",
      [
        "Content-Type: multipart/alternative; boundary=c",
        "",
        "--c",
        ...BODY,
        "--c",
        'Content-Type: text/html; name="mail.html"',
        "",
        "<p>body",
        "--c--",
      ],
      INLINE,
    );
    expect([text, html]).toEqual(["body", "<p>body"]);
    expect(attachments.map(({ filename }) => filename)).toEqual(["log.txt"]);
  });

  it("is the body if there is no other, and the first of several", async () => {
    expect((await parse("Content-Type: text/plain; name=a.txt", "", "x")).text).toBe("x\n");
    expect((await multipart("mixed", INLINE)).text).toBe("log line");
    const { text, attachments } = await multipart("mixed", INLINE, INLINE);
    expect(text).toBe("log line");
    expect(attachments).toHaveLength(1);
  });

  it("does not make the root of multipart/related a file", async () => {
    const { html, attachments } = await multipart(
      "related",
      ["Content-Type: text/html; name=mail.html", "", "<p>"],
      ["Content-Type: image/png", "Content-ID: <i>", "", "x"],
    );
    expect(html).toBe("<p>");
    expect(attachments.map(({ related, cid }) => [related, cid])).toEqual([[true, "i"]]);
  });
});

describe("a multipart without a part is text", () => {
  it("if its boundary never comes", async () => {
    const { text } = await parse(
      "Content-Type: multipart/alternative; boundary=x",
      "",
      "some text",
      "",
      "--",
      "Ann",
    );
    expect(text).toBe("some text\n\n--\nAnn\n");
  });

  it("if it has no boundary (RFC 2045 section 5.2)", async () => {
    for (const type of [
      "multipart/mixed",
      "multipart/mixed; boundary=",
      'multipart/related; type="text/html"',
    ]) {
      expect((await parse(`Content-Type: ${type}`, "", "some text")).text).toBe("some text\n");
    }
  });

  it("in another multipart, up to the delimiter of that", async () => {
    for (const inner of ["multipart/alternative; boundary=c", "multipart/mixed"]) {
      const { text, attachments } = await multipart(
        "mixed",
        BODY,
        [`Content-Type: ${inner}`, "", "some text"],
        ["Content-Type: image/png", "", "x"],
      );
      expect(text?.trimEnd()).toBe("body\nsome text");
      expect(attachments.map(({ content }) => content.toString())).toEqual(["x"]);
      const last = await multipart("mixed", [`Content-Type: ${inner}`, "", "some text"]);
      expect(last.text?.trimEnd()).toBe("some text");
    }
  });

  it("if it only ends, up to its end", async () => {
    const { text } = await parse(
      "Content-Type: multipart/mixed; boundary=b",
      "",
      "some text",
      "--b--",
      "after",
    );
    expect(text).toBe("some text\n");
  });

  it("and what it says about its encoding counts", async () => {
    const { text } = await parse(
      "Content-Type: multipart/mixed; charset=koi8-r",
      "Content-Transfer-Encoding: quoted-printable",
      "",
      "=F0",
    );
    expect(text).toBe("П\n");
  });
});

describe("the type of an attachment is what the message says", () => {
  it.each([
    [["Content-Type: application/octet-stream; name=invoice.html"], "application/octet-stream"],
    [
      ["Content-Type: Application/Octet-Stream", "Content-Disposition: attachment; filename=a.pdf"],
      "application/octet-stream",
    ],
    [["Content-Disposition: attachment; filename=invoice.html"], "application/octet-stream"],
    [["Content-Type: octets", "Content-Disposition: attachment; filename=a.exe"], "application/octet-stream"],
    [["Content-Type: text/html", "Content-Disposition: attachment; filename=a.pdf"], "text/html"],
    [["Content-Type: IMAGE/PNG (comment); name=a.html"], "image/png"],
  ])("%j", async (header, type) => {
    const { attachments } = await multipart("mixed", BODY, [...header, "", "<b>"]);
    expect(attachments.map(({ contentType }) => contentType)).toEqual([type]);
  });

  it("a part without a type is text, even if its name ends like that of a picture", async () => {
    const { text } = await multipart("mixed", ["Content-Disposition: inline; filename=a.png", "", "x"]);
    expect(text).toBe("x");
  });
});

describe("the name of a file", () => {
  it.each([
    // A percent sign that does not begin a byte (RFC 2231).
    ["filename*=utf-8''100%%20sure.pdf", "100% sure.pdf"],
    ["filename*=utf-8''100%", "100%"],
    ["filename *=utf-8''a%20b", "a b"],
    ["filename\v*=utf-8''a%20b", "a b"],
    ["filename\t*0*=utf-8''a; filename *1=b", "ab"],
    ["filename*=utf-8''5%-10%C3%A9%2", "5%-10é%2"],
    ["filename*0*=utf-8''a%zz; filename*1*=%20b%", "a%zz b%"],
    // Segments.
    ["filename*1=b.txt; filename*0=a", "ab.txt"],
    ["filename*0*=koi8-r''%F0; filename*1*=%D2", "Пр"],
    ["filename*0*=utf-8''%C3; filename*1*=%A9", "é"],
    ["filename*0==?utf-8?Q?=C3=A; filename*1=9?=", "é"],
    ["filename*=''%C3%A9", "é"],
    ["filename*=%C3%A9", "é"],
    ["filename*=%E9", "é"],
    ["filename=a.txt; filename*=utf-8''b.txt", "b.txt"],
    ["filename*=utf-8''=%3Futf-8%3FQ%3Fa%3F=", "=?utf-8?Q?a?="],
    // Tokens and quoted strings.
    ["filename=two words.txt", "two words.txt"],
    ["filename=a(1).txt", "a(1).txt"],
    ["filename = (a comment) a.txt (another; one)", "a.txt"],
    ['filename="a;b\\"c.txt" junk; x=y', 'a;b"c.txt'],
    ["filename=a.txt; filename=b.txt", "a.txt"],
    ["filename=\xe9.txt", "é.txt"],
    ["filename=(a.txt", "(a.txt"],
    ["FileName=A.TXT", "A.TXT"],
  ])("%s", async (parameters, filename) => {
    const [attachment] = (
      await multipart("mixed", BODY, [
        "Content-Type: a/b",
        `Content-Disposition: attachment; ${parameters}`,
        "",
        "x",
      ])
    ).attachments;
    expect(attachment?.filename).toBe(filename);
  });

  it("cannot add a line to anything", async () => {
    const { attachments } = await parse("Content-Type: a/b; name*=utf-8''a%0D%0Ab%00", "", "x");
    expect(attachments[0]?.filename).toBe("a  b ");
  });
});

describe("the octets of attachments", () => {
  it("come out as they are", async () => {
    const { attachments } = await multipart(
      "mixed",
      BODY,
      ["Content-Type: text/csv; charset=iso-8859-1", "Content-Transfer-Encoding: 8bit", "", "\xe9;1", "", ""],
      ["Content-Type: a/b", "Content-Transfer-Encoding: binary", "", "\0\r\r\n\n\x80"],
      ["Content-Type: a/b", "Content-Transfer-Encoding: quoted-printable", "", "=00=E2 \t", "x=", "y"],
      ["Content-Type: a/b", "", ""],
    );
    expect(attachments.map(({ content }) => content.toString("latin1"))).toEqual([
      "\xe9;1\r\n\r\n",
      "\0\r\r\n\n\x80",
      "\0\xe2\r\nxy",
      "",
    ]);
  });
});

describe("a multipart that is not closed", () => {
  it("has its parts, and ends at the delimiter of an outer one", async () => {
    const open = await parse(
      "Content-Type: multipart/mixed; boundary=b",
      "",
      "--b",
      ...BODY,
      "--b",
      "Content-Type: a/b",
      "",
      "x",
    );
    expect([open.text, open.attachments.length]).toEqual(["body", 1]);
    const inner = ["Content-Type: multipart/related; boundary=c", "", "--c", ...BODY];
    const { text, attachments } = await multipart("mixed", inner, ["Content-Type: a/b", "", "x"]);
    expect([text, attachments.length]).toEqual(["body", 1]);
  });
});

describe("names of people", () => {
  it("are decoded by the rules of all fields", async () => {
    for (const [field, name] of [
      ["=?utf-8?B?w6k?= =?utf-8?B?w6k?= <a@example.com>", "éé"],
      ["=?cp437?Q?=81?= =?utf-8?Q?=C3=BC?= <a@example.com>", "üü"],
      ['"=?utf-8?Q?a=2C_b?=" <a@example.com>', "a, b"],
      ["=?x-unknown?Q?=E9?= <a@example.com>", "é"],
      ["=?utf-8?Q?a?= b =?utf-8?Q?c?= <a@example.com>", "a b c"],
    ] as const) {
      expect((await parse(`From: ${field}`, "", "")).from).toEqual([{ name, address: "a@example.com" }]);
    }
  });
});
