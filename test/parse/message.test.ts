import { PassThrough, Readable } from "node:stream";
import fc from "../support/fast-check.ts";
import { describe, expect, it } from "vitest";
import { decodeCharset, parseMessage } from "../../src/parse/index.ts";
import type { ParsedMessage } from "../../src/parse/index.ts";

const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");
const lines = (...of: string[]): string => of.join("\r\n");
const parse = (text: string | Buffer): Promise<ParsedMessage> =>
  parseMessage(typeof text === "string" ? latin1(text) : text);

const LETTER = lines(
  "Return-Path: <ann@example.com>",
  "Received: from mx.example.com by pop.example.org; Wed, 1 May 2024 10:00:01 +0200",
  "Message-ID: <2@example.com>",
  "In-Reply-To: <1@example.org>",
  "References: <0@example.org>",
  " <1@example.org>",
  "Date: Wed, 1 May 2024 10:00:00 +0200",
  "From: =?utf-8?Q?Ann_M=C3=BCller?= <ann@example.com>",
  'To: "Bob, the first" <bob@example.org>, carol@example.org',
  "Cc: Friends: Dan <dan@example.net>, eve@example.net;",
  "Reply-To: office@example.com",
  "Subject: =?iso-8859-1?Q?Gr=FC=DFe?=",
  "MIME-Version: 1.0",
  'Content-Type: multipart/mixed; boundary="outer"',
  "",
  "This is a message in MIME format.",
  "--outer",
  'Content-Type: multipart/related; boundary="related"',
  "",
  "--related",
  'Content-Type: multipart/alternative; boundary="inner"',
  "",
  "--inner",
  "Content-Type: text/plain; charset=utf-8",
  "Content-Transfer-Encoding: quoted-printable",
  "",
  "Sch=C3=B6ne Gr=C3=BC=",
  "=C3=9Fe",
  "--inner",
  "Content-Type: text/html; charset=utf-8",
  "Content-Transfer-Encoding: base64",
  "",
  Buffer.from('<p>Schöne Grüße<img src="cid:logo@example.com"></p>\r\n').toString("base64"),
  "--inner--",
  "--related",
  "Content-Type: image/png",
  "Content-ID: <logo@example.com>",
  "Content-Disposition: inline; filename=logo.png",
  "Content-Transfer-Encoding: base64",
  "",
  "iVBORw0KGgo=",
  "--related--",
  "--outer",
  'Content-Type: text/csv; charset=iso-8859-1; name="=?utf-8?Q?=C3=BCbersicht.csv?="',
  "Content-Disposition: attachment;",
  " filename*0*=utf-8''%C3%BCber;",
  " filename*1=sicht.csv",
  "Content-Description: =?utf-8?Q?=C3=9Cbersicht?=",
  "Content-Transfer-Encoding: 8bit",
  "",
  "\xfc;1",
  "--outer--",
  "",
);

describe("parseMessage", () => {
  it("reads a message with every feature", async () => {
    const message = await parse(LETTER);
    expect(message.subject).toBe("Grüße");
    expect(message.date?.toISOString()).toBe("2024-05-01T08:00:00.000Z");
    expect(message.messageId).toBe("<2@example.com>");
    expect(message.inReplyTo).toBe("<1@example.org>");
    expect(message.references).toEqual(["<0@example.org>", "<1@example.org>"]);
    expect(message.from).toEqual([{ name: "Ann Müller", address: "ann@example.com" }]);
    expect(message.to).toEqual([
      { name: "Bob, the first", address: "bob@example.org" },
      { name: "", address: "carol@example.org" },
    ]);
    expect(message.cc).toEqual([
      {
        name: "Friends",
        address: "",
        group: [
          { name: "Dan", address: "dan@example.net" },
          { name: "", address: "eve@example.net" },
        ],
      },
    ]);
    expect(message.bcc).toEqual([]);
    expect(message.replyTo).toEqual([{ name: "", address: "office@example.com" }]);
    expect(message.text).toBe("Schöne Grüße");
    expect(message.html).toBe('<p>Schöne Grüße<img src="cid:logo@example.com"></p>\n');
    expect(message).not.toHaveProperty("textAsHtml");
    expect(message.headers.size).toBe(13);
    expect(message.headers.get("received")).toContain("mx.example.com");
  });

  it("returns attachments with their octets and their fields", async () => {
    const { attachments } = await parse(LETTER);
    expect(attachments).toEqual([
      {
        filename: "logo.png",
        contentType: "image/png",
        contentDisposition: "inline",
        cid: "logo@example.com",
        related: true,
        headers: new Map([
          ["content-type", "image/png"],
          ["content-id", "<logo@example.com>"],
          ["content-disposition", "inline; filename=logo.png"],
          ["content-transfer-encoding", "base64"],
        ]),
        size: 8,
        content: Buffer.from("iVBORw0KGgo=", "base64"),
      },
      {
        filename: "übersicht.csv",
        contentType: "text/csv",
        contentDisposition: "attachment",
        charset: "iso-8859-1",
        related: false,
        headers: new Map([
          ["content-type", 'text/csv; charset=iso-8859-1; name="übersicht.csv"'],
          ["content-disposition", 'attachment; filename="übersicht.csv"'],
          ["content-description", "Übersicht"],
          ["content-transfer-encoding", "8bit"],
        ]),
        size: 3,
        content: latin1("\xfc;1"),
      },
    ]);
    expect(await decodeCharset(attachments[1]?.content ?? latin1(""), "iso-8859-1")).toBe("ü;1");
  });

  it("returns the same for a stream, wherever it is cut", async () => {
    const whole = await parse(LETTER);
    const octets = latin1(LETTER);
    for (const size of [1, 2, 7, 100, 65_536]) {
      const pieces = Array.from({ length: Math.ceil(octets.length / size) }, (_, index) =>
        octets.subarray(index * size, (index + 1) * size),
      );
      expect(await parseMessage(Readable.from(pieces))).toEqual(whole);
      expect(await parseMessage(Readable.from(pieces, { objectMode: false }))).toEqual(whole);
    }
    expect(await parseMessage(new Uint8Array(octets))).toEqual(whole);
  });

  it.each([
    ["utf-8", "8bit", "4772c3bcc39f6520e282ac", "Grüße €"],
    ["iso-8859-1", "8bit", "4772fcdf65", "Grüße"],
    ["windows-1252", "8bit", "80 93 61 94", "€“a”"],
    ["koi8-r", "8bit", "f0d2c9d7c5d4", "Привет"],
    ["gb18030", "8bit", "c4e3bac3", "你好"],
    ["big5", "8bit", "a741a66e", "你好"],
    ["iso-2022-jp", "7bit", "1b2442 2433 2473 1b2842", "こん"],
    ["cp437", "8bit", "8184", "üä"],
    ["x-unknown", "8bit", "e4", "ä"],
    ["ks_c_5601-1987", "8bit", "bec8b3e7", "안녕"],
  ])("decodes a text in %s", async (charset, encoding, hex, text) => {
    const header = lines(
      `Content-Type: text/plain; charset="${charset}"`,
      `Content-Transfer-Encoding: ${encoding}`,
      "",
      "",
    );
    const body = Buffer.from(hex.replaceAll(" ", ""), "hex");
    expect((await parse(Buffer.concat([latin1(header), body]))).text).toBe(text);
  });

  it("never decodes UTF-7: not in text, HTML, names of people or names of files", async () => {
    const script = "+ADw-script+AD4-";
    for (const charset of ["utf-7", "UTF7", "utf-7:1994", "unicode-1-1-utf-7"]) {
      const text = await parse(`Content-Type: text/plain; charset="${charset}"\r\n\r\n${script}`);
      expect(text.text).toBe(script);
      const html = await parse(`Content-Type: text/html; charset="${charset}"\r\n\r\n${script}`);
      expect(html.html).toBe(script);
    }
    const named = await parse(
      lines(
        `From: =?utf-7?Q?${script}?= <a@example.com>`,
        "Content-Type: application/pdf",
        `Content-Disposition: attachment; filename*=utf-7''${script}`,
        "",
        "x",
      ),
    );
    expect(named.from).toEqual([{ name: script, address: "a@example.com" }]);
    expect(named.attachments[0]?.filename).toBe(script);
  });

  it("reads format=flowed (RFC 3676)", async () => {
    const header = "Content-Type: text/plain; format=flowed; delsp=";
    expect((await parse(lines(`${header}no`, "", "one ", "line", "-- ", "Ann"))).text).toBe(
      "one line\n-- \nAnn",
    );
    expect((await parse(lines(`${header}yes`, "", "one ", "word"))).text).toBe("oneword");
  });

  it("keeps an attached message whole, so that it can be parsed again", async () => {
    for (const disposition of ["attachment", "inline"]) {
      const inner = lines("From: <in@example.com>", "Subject: inner", "", "inner text", "");
      const { text, attachments } = await parse(
        lines(
          "Content-Type: multipart/mixed; boundary=b",
          "",
          "--b",
          "",
          "outer text",
          "--b",
          "Content-Type: message/rfc822",
          `Content-Disposition: ${disposition}`,
          "",
          inner,
          "--b--",
        ),
      );
      expect(text).toBe("outer text");
      expect(attachments).toHaveLength(1);
      expect(attachments[0]?.contentType).toBe("message/rfc822");
      expect(attachments[0]?.content.toString()).toBe(inner);
      const again = await parse(attachments[0]?.content ?? "");
      expect(again.subject).toBe("inner");
      expect(again.text).toBe("inner text\n");
    }
  });

  it("reads a bounce: the status is text, or an attachment on request", async () => {
    const bounce = lines(
      "Content-Type: multipart/report; report-type=delivery-status; boundary=b",
      "",
      "--b",
      "Content-Type: text/plain",
      "",
      "It failed.",
      "--b",
      "Content-Type: message/delivery-status",
      "",
      "Action: failed",
      "--b--",
    );
    const merged = await parse(bounce);
    expect(merged.text).toBe("It failed.\nAction: failed");
    expect(merged.attachments).toEqual([]);
    const apart = await parseMessage(latin1(bounce), { keepDeliveryStatus: true });
    expect(apart.text).toBe("It failed.");
    expect(apart.attachments[0]?.content.toString()).toBe("Action: failed");
  });

  it("returns a message that is not text as its only attachment", async () => {
    const { text, html, attachments } = await parse(
      lines(
        "Content-Type: application/pdf; name=a.pdf",
        "Content-Transfer-Encoding: base64",
        "",
        "JVBERg==",
        "",
      ),
    );
    expect([text, html]).toEqual([undefined, undefined]);
    expect(attachments[0]).toMatchObject({ filename: "a.pdf", contentType: "application/pdf", size: 4 });
    expect(attachments[0]?.content.toString()).toBe("%PDF");
  });

  it("leaves out what the message does not contain", async () => {
    for (const text of ["", "\r\n", "\r\n\r\n", "X-Other: 1\r\n\r\n"]) {
      const message = await parse(text);
      expect(message).toEqual({
        headers: message.headers,
        references: [],
        from: [],
        to: [],
        cc: [],
        bcc: [],
        replyTo: [],
        attachments: [],
      });
    }
    expect(await parse("Date: yesterday\r\nMessage-ID: <>\r\n\r\n")).not.toHaveProperty("date");
  });

  it("reads a message of only a header, and one without a header", async () => {
    expect((await parse("Subject: a")).subject).toBe("a");
    expect((await parse("Subject: a\r\n")).subject).toBe("a");
    expect((await parse("\r\nbody\r\n")).text).toBe("body\n");
    expect((await parse("just text, no header\r\n\r\nmore\r\n")).text).toBe("just text, no header\n\nmore\n");
  });

  it("reads bare LF line ends", async () => {
    const message = await parse(LETTER.replaceAll("\r\n", "\n"));
    expect(message.text).toBe("Schöne Grüße");
    expect(message.attachments).toHaveLength(2);
  });

  it("uses the first of two contradictory fields", async () => {
    const message = await parse(
      lines(
        "From: first@example.com",
        "From: second@example.com",
        "Subject: first",
        "Subject: second",
        "To: a@example.com",
        "To: b@example.com",
        "Content-Type: text/plain",
        "Content-Type: text/html",
        "",
        "<p>",
      ),
    );
    expect(message.from).toEqual([{ name: "", address: "first@example.com" }]);
    expect(message.subject).toBe("first");
    expect(message.to.map(({ address }) => address)).toEqual(["a@example.com", "b@example.com"]);
    expect(message.text).toBe("<p>");
    expect(message.headers.getAll("from")).toEqual(["first@example.com", "second@example.com"]);
  });

  it("reads addresses of all sorts", async () => {
    const addresses = async (field: string): Promise<unknown> => (await parse(`To: ${field}\r\n\r\n`)).to;
    expect(await addresses("undisclosed-recipients:;")).toEqual([
      { name: "undisclosed-recipients", address: "", group: [] },
    ]);
    expect(await addresses("=?utf-8?Q?a=2C_b?= <c@d>")).toEqual([{ name: "a, b", address: "c@d" }]);
    expect(await addresses("ann@x,\r\n Bob <b@x> (at work)")).toEqual([
      { name: "", address: "ann@x" },
      { name: "Bob", address: "b@x" },
    ]);
    expect(await addresses("nobody")).toEqual([{ name: "nobody", address: "" }]);
    expect(await addresses("<>, ,")).toEqual([]);
    // Raw 8-bit names, of both sorts.
    expect(await addresses("M\xfcller <m@x>")).toEqual([{ name: "Müller", address: "m@x" }]);
    expect(await addresses("M\xc3\xbcller <m@x>")).toEqual([{ name: "Müller", address: "m@x" }]);
  });

  it("reads an invalid content type as text", async () => {
    for (const type of ["text", "", ";", "; charset=utf-8", "/", "text/", "/plain", "text plain"]) {
      const message = await parse(`Content-Type: ${type}\r\n\r\nbody`);
      expect(message.text).toBe("body");
      expect(message.attachments).toEqual([]);
    }
  });

  it("reads broken multiparts", async () => {
    const part = lines("--b", "Content-Type: text/plain", "", "text");
    const header = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
    expect((await parse(header + part)).text).toBe("text");
    expect((await parse(`${header}${part}\r\n--b\r\n`)).text).toBe("text");
    expect((await parse(`${header}--b--\r\n`)).text).toBeUndefined();
    expect((await parse(`${header}preamble only`)).text).toBe("preamble only");
    expect((await parse("Content-Type: multipart/mixed\r\n\r\ntext")).attachments).toEqual([]);
  });

  it("settles for any octets", async () => {
    const hot = fc
      .array(
        fc.constantFrom(
          ...[
            "From: ",
            "To: ",
            "g: a@b, c;",
            "Subject: ",
            "Date: x",
            "References: ",
            "List-Id: <x>",
            "List-__proto__: <x>",
          ],
          ...[
            "Content-Type: ",
            "multipart/mixed; boundary=b",
            "multipart/alternative; boundary=c",
            "message/rfc822",
          ],
          ...["text/plain", "text/html", "; charset=", "utf-7", "iso-2022-jp", "__proto__", "hex", "utf-16"],
          ...[
            "--b\r\n",
            "--c\r\n",
            "--b--\r\n",
            "--c--\r\n",
            "\r\n",
            "\r\n\r\n",
            "\n",
            "\r",
            "\0",
            "\xff",
            "=",
            "=41",
          ],
          ...[
            "Content-Transfer-Encoding: ",
            "base64",
            "quoted-printable",
            "Content-Disposition: ",
            "inline",
            "attachment",
          ],
          ...[
            "; filename=",
            "; filename*0*=utf-8''%E4",
            "; filename*=%",
            "=?utf-8?Q?=41?=",
            "=?x?B?PGFAYj4=?=",
          ],
          ...[
            "Content-ID: <a>",
            "; format=flowed; delsp=yes",
            "<p>&amp;cid:a",
            '"',
            "(",
            "<",
            ">",
            ":",
            ";",
            ",",
            " ",
          ],
        ),
        { maxLength: 60 },
      )
      .map((parts) => latin1(parts.join("")));
    await fc.assert(
      fc.asyncProperty(hot, fc.boolean(), async (octets, skip) => {
        const message = await parseMessage(octets, {
          skipHtmlToText: skip,
          skipTextToHtml: skip,
          skipImageLinks: skip,
          skipTextLinks: skip,
        });
        for (const { content, size } of message.attachments) expect(content).toHaveLength(size);
      }),
      { seed: 2045, numRuns: 1000 },
    );
  });
});

describe("parseMessage with options", () => {
  const html = (body: string): Buffer => latin1(`Content-Type: text/html\r\n\r\n${body}`);

  it("makes text from HTML on request, if there is no text", async () => {
    const letter = html("<p>Hello <b>you</b></p>");
    expect(await parseMessage(letter)).not.toHaveProperty("text");
    expect((await parseMessage(letter, { skipHtmlToText: false })).text).toBe("Hello you");
    expect((await parseMessage(latin1(LETTER), { skipHtmlToText: false })).text).toBe("Schöne Grüße");
  });

  it("makes no text from HTML that is too long or too deep, and keeps the HTML", async () => {
    const deep = "<div>".repeat(20_000);
    const message = await parseMessage(html(deep), { skipHtmlToText: false });
    expect(message.html).toBe(deep);
    expect(message).not.toHaveProperty("text");
    const long = await parseMessage(html("<p>12345"), { skipHtmlToText: false, maxHtmlLengthToParse: 7 });
    expect(long).not.toHaveProperty("text");
    const enough = await parseMessage(html("<p>12345"), { skipHtmlToText: false, maxHtmlLengthToParse: 8 });
    expect(enough.text).toBe("12345");
  });

  it("makes HTML and links from text on request", async () => {
    const text = latin1("\r\na < b https://example.com/\r\n");
    const plain = await parseMessage(text, { skipTextToHtml: false });
    expect(plain.textAsHtml).toBe("<p>a &lt; b https://example.com/</p>");
    const linked = await parseMessage(text, { skipTextToHtml: false, skipTextLinks: false });
    expect(linked.textAsHtml).toContain('<a href="https://example.com/">');
  });

  it("puts images into the HTML on request", async () => {
    const { html: inlined } = await parseMessage(latin1(LETTER), { skipImageLinks: false });
    expect(inlined).toContain('src="data:image/png;base64,iVBORw0KGgo="');
  });

  it("leaves no placeholder for text parts in the HTML", async () => {
    const mixed = lines(
      "Content-Type: multipart/mixed; boundary=b",
      "",
      "--b",
      "",
      "before",
      "--b",
      "Content-Type: text/html",
      "",
      "<p>middle",
      "--b",
      "",
      "after",
      "--b--",
    );
    const message = await parseMessage(latin1(mixed));
    expect(message.html).toBe("<p>middle");
    expect(message.text).toBe("before\nafter");
  });

  it("rejects invalid arguments", async () => {
    for (const source of ["Subject: a\r\n\r\n", undefined, null, {}, 1, new Blob(["a"])]) {
      await expect(parseMessage(source as Buffer)).rejects.toMatchObject({ code: "POP3_INVALID_ARGUMENT" });
    }
    for (const name of ["maxMessageSize", "maxHeaderSize", "maxParts", "maxHtmlLengthToParse"]) {
      for (const value of ["1", 0, Number.NaN])
        await expect(parseMessage(latin1(""), { [name]: value })).rejects.toMatchObject({
          code: "POP3_INVALID_ARGUMENT",
          message: expect.stringContaining(`parse.${name} must be a number >= 1`) as unknown,
        });
    }
    const misspelt = parseMessage(latin1(""), { maxMessagesize: 1 } as object);
    await expect(misspelt).rejects.toThrow(
      "unknown option parse.maxMessagesize: did you mean parse.maxMessageSize?",
    );
  });
});

describe("parseMessage of a stream", () => {
  it("rejects if the stream has no octets, and destroys it", async () => {
    const strings = Readable.from(["Subject: a\r\n\r\n"]);
    await expect(parseMessage(strings)).rejects.toMatchObject({ code: "POP3_INVALID_ARGUMENT" });
    expect(strings.destroyed).toBe(true);
  });

  it("rejects with the error of the stream", async () => {
    const failure = new Error("the stream failed");
    const failing = new Readable({
      read() {
        this.push(latin1("Subject: a\r\n"));
        this.destroy(failure);
      },
    });
    await expect(parseMessage(failing)).rejects.toBe(failure);
  });

  it("stops at the largest size, and destroys the stream", async () => {
    let given = 0;
    const endless = new Readable({
      read() {
        given += 1024;
        this.push(Buffer.alloc(1024, "x"));
      },
    });
    await expect(parseMessage(endless, { maxMessageSize: 10_000 })).rejects.toMatchObject({
      code: "POP3_MESSAGE_TOO_LARGE",
    });
    expect(endless.destroyed).toBe(true);
    expect(given).toBeLessThan(200_000);
  });

  it("rejects if the signal is aborted, even if the stream is silent", async () => {
    const controller = new AbortController();
    const silent = new PassThrough();
    const parsing = parseMessage(silent, { signal: controller.signal });
    controller.abort("enough");
    await expect(parsing).rejects.toMatchObject({ code: "POP3_ABORTED", cause: "enough" });
    expect(silent.destroyed).toBe(true);
  });

  it("rejects if the signal is aborted already", async () => {
    const signal = AbortSignal.abort("before");
    await expect(parseMessage(latin1("Subject: a\r\n\r\n"), { signal })).rejects.toMatchObject({
      code: "POP3_ABORTED",
      cause: "before",
    });
  });

  it("stops on abort between two slices of a message that was read whole", async () => {
    const controller = new AbortController();
    const parsing = parseMessage(Buffer.alloc(16 * 1024 * 1024, "text\r\n"), { signal: controller.signal });
    setImmediate(() => controller.abort("enough"));
    await expect(parsing).rejects.toMatchObject({ code: "POP3_ABORTED", cause: "enough" });
  });
});
