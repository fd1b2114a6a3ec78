import fc from "../support/fast-check.ts";
import { times } from "../support/octets.ts";
import { describe, expect, it } from "vitest";
import { readHeaderSection } from "../../src/parse/fields.ts";
import { parseHeaders } from "../../src/parse/index.ts";

const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");
const list = async (text: string): Promise<string[]> =>
  [...(await parseHeaders(latin1(text)))].map(({ name, value }) => `${name}=${value}`);

const SAMPLE = [
  "Return-Path: <ann@example.com>",
  "Received: from a.example.com (a.example.com [192.0.2.1])",
  "\tby b.example.com with ESMTPS; Wed, 1 May 2024 10:00:01 +0200",
  "Received: from localhost by a.example.com; Wed, 1 May 2024 10:00:00 +0200",
  "SUBJECT: =?utf-8?B?R3LDvMOf?= =?utf-8?B?ZSBhdXMgS8O2bG4=?=",
  "From: =?iso-8859-1?Q?Ann_M=FCller?= <ann@example.com>",
  "X-Empty:",
  "",
  "Subject: not a field",
].join("\r\n");

describe("parseHeaders", () => {
  it("keeps the fields in order, duplicates and names as they came", async () => {
    const headers = await parseHeaders(latin1(SAMPLE));
    expect(headers.size).toBe(6);
    expect([...headers].map(({ name }) => name)).toEqual([
      "Return-Path",
      "Received",
      "Received",
      "SUBJECT",
      "From",
      "X-Empty",
    ]);
  });

  it("finds fields whatever the case of their names", async () => {
    const headers = await parseHeaders(latin1(SAMPLE));
    expect(headers.get("Subject")).toBe("Grüße aus Köln");
    expect(headers.get("FROM")).toBe("Ann Müller <ann@example.com>");
    expect(headers.getAll("received")).toEqual([
      "from a.example.com (a.example.com [192.0.2.1])\tby b.example.com with ESMTPS; Wed, 1 May 2024 10:00:01 +0200",
      "from localhost by a.example.com; Wed, 1 May 2024 10:00:00 +0200",
    ]);
    expect(headers.get("Received")).toContain("b.example.com");
    expect(headers.has("x-empty")).toBe(true);
    expect(headers.get("x-empty")).toBe("");
    for (const name of ["to", "", "__proto__", "constructor", "subject:"]) {
      expect(headers.has(name)).toBe(false);
      expect(headers.get(name)).toBeUndefined();
      expect(headers.getAll(name)).toEqual([]);
    }
  });

  it("returns the octets of each field, folded as they were", async () => {
    const [, received] = await parseHeaders(latin1(SAMPLE));
    expect(received?.raw.toString("latin1")).toBe(SAMPLE.split("\r\n").slice(1, 3).join("\r\n"));
    const [raw] = await parseHeaders(latin1("X: \xff\n \x00y\n\n"));
    expect(raw?.raw).toEqual(latin1("X: \xff\n \x00y"));
  });

  it("does not change if its source is changed later", async () => {
    const octets = latin1("Subject: a\r\n\r\n");
    const headers = await parseHeaders(octets);
    octets.fill("z");
    expect([...headers][0]?.raw.toString()).toBe("Subject: a");
  });

  it("accepts CRLF and bare LF, mixed, as line ends, but not a bare CR", async () => {
    expect(await list("A: 1\nB: 2\r\nC: 3\n\nD: 4")).toEqual(["A=1", "B=2", "C=3"]);
    expect(await list("A: 1\r\n\nB: 2")).toEqual(["A=1"]);
    expect(await list("A: 1\rB: 2\r\nC: 3")).toEqual(["A=1 B: 2", "C=3"]);
    expect(await list("A: 1\r\r\nB: 2")).toEqual(["A=1", "B=2"]);
  });

  it("unfolds as RFC 5322 says: removes line ends and keeps blanks", async () => {
    expect(await list("A: 1\r\n 2\r\n\t3\n  4\r\n")).toEqual(["A=1 2\t3  4"]);
    expect(await list("A:\r\n 1\r\n")).toEqual(["A=1"]);
    // A line of blanks alone goes on with the field: the header ends at an empty line only.
    expect(await list("A: 1\r\n \r\n 2\r\nB: 3\r\n\r\n")).toEqual(["A=1  2", "B=3"]);
    expect(await list("Subject: =?utf-8?Q?a?=\r\n =?utf-8?Q?b?=\r\n")).toEqual(["Subject=ab"]);
  });

  it("skips lines that are not fields, with their continuations", async () => {
    expect(await list("From ann@example.com Wed May  1 10:00:00 2024\nA: 1\n\n")).toEqual(["A=1"]);
    expect(await list("A: 1\nrubbish\n more: rubbish\nB: 2\n\n")).toEqual(["A=1", "B=2"]);
    expect(await list(" A: 0\nB: 2\n\n")).toEqual(["B=2"]);
    expect(await list(": x\nn\xe4me: x\na b: x\nB: 2\n\n")).toEqual(["B=2"]);
    expect(await list("A : 1\nB\t: 2\n")).toEqual(["A=1", "B=2"]);
  });

  it("reads a section without an end, without a body, and an empty one", async () => {
    expect(await list("A: 1")).toEqual(["A=1"]);
    expect(await list("A: 1\r\n")).toEqual(["A=1"]);
    expect(await list("A: 1\r\n b")).toEqual(["A=1 b"]);
    for (const text of ["", "\r\n", "\n", "\r\n\r\nA: 1", "no fields", "\r", ":"]) {
      expect(await list(text)).toEqual([]);
    }
  });

  it("reads raw UTF-8, else windows-1252, and trims blanks only", async () => {
    expect((await parseHeaders(Buffer.from("Subject: Grüße voilà\r\n\r\n"))).get("subject")).toBe(
      "Grüße voilà",
    );
    expect((await parseHeaders(latin1("Subject: Gr\xfc\xdfe \x80 \r\n\r\n"))).get("subject")).toBe("Grüße €");
    // The last octet of this Р is a no-break space in Latin-1.
    expect((await parseHeaders(Buffer.from("Subject: СССР\r\n"))).get("subject")).toBe("СССР");
  });

  it("returns one line per value, whatever the octets are", async () => {
    expect(await list("A: 1\r2\x003\r\n")).toEqual(["A=1 2 3"]);
    expect(await list("A: =?utf-8?Q?=0D=0AB:_2?=\r\n")).toEqual(["A=  B: 2"]);
  });

  it("accepts a Uint8Array that is a view of a larger one", async () => {
    const whole = latin1("xxA: 1\r\n\r\nxx");
    const headers = await parseHeaders(new Uint8Array(whole.buffer, whole.byteOffset + 2, whole.length - 4));
    expect(headers.get("a")).toBe("1");
  });

  it("wants a name to look for", async () => {
    const headers = await parseHeaders(latin1(SAMPLE));
    for (const look of ["get", "getAll", "has"] as const)
      for (const name of [undefined, 7])
        expect(() => headers[look](name as never)).toThrow(
          expect.objectContaining({
            code: "POP3_INVALID_ARGUMENT",
            message: `name must be a string (got ${String(name)})`,
          }),
        );
  });

  it("rejects if the source has no octets", async () => {
    for (const source of ["A: 1\r\n\r\n", undefined, null, {}, 1, [65]]) {
      await expect(parseHeaders(source as Buffer)).rejects.toMatchObject({ code: "POP3_INVALID_ARGUMENT" });
    }
  });

  it("accepts any octets, and keeps every field", async () => {
    const hot = fc
      .array(fc.constantFrom("A", ":", " ", "\t", "\r", "\n", "\r\n", "=?utf-8?Q?=C3?=", "\0", "\xff"))
      .map((parts) => parts.join(""));
    await fc.assert(
      fc.asyncProperty(hot, async (text) => {
        const headers = await parseHeaders(latin1(text));
        for (const { name, value, raw } of headers) {
          expect(value).not.toMatch(/[\r\n\0]/);
          expect(raw.toString("latin1").startsWith(name)).toBe(true);
          expect(text).toContain(raw.toString("latin1"));
        }
      }),
      { seed: 5322, numRuns: times(2000) },
    );
  });
});

describe("parseHeaders of a hostile section", () => {
  const MIB = times(1024 * 1024);
  const fill = (unit: string, size = 4 * MIB): string => unit.repeat(Math.floor(size / unit.length));
  const tooLarge = {
    code: "POP3_MESSAGE_TOO_LARGE",
    message: "the header section is larger than maxHeaderSize (262144 bytes)",
  };

  it("rejects a section larger than maxHeaderSize, by default 256 KiB", async () => {
    const section = (size: number): string => `Subject: ${"a".repeat(size - 13)}\r\n\r\n`;
    const largest = await parseHeaders(latin1(`${section(262_144)}body`));
    expect(largest.get("subject")?.length).toBe(262_131);
    await expect(parseHeaders(latin1(section(262_145)))).rejects.toMatchObject(tooLarge);
    await expect(parseHeaders(latin1(fill("a:b\r\n")))).rejects.toMatchObject(tooLarge);
    await expect(parseHeaders(latin1(`A: 1\r\n${fill(" \r\n")}`))).rejects.toMatchObject(tooLarge);
    const raised = await parseHeaders(latin1(section(262_145)), { maxHeaderSize: 262_145 });
    expect(raised.size).toBe(1);
    await expect(parseHeaders(latin1("A: 1\r\n\r\n"), { maxHeaderSize: 7 })).rejects.toThrow("(7 bytes)");
    expect((await parseHeaders(latin1("A: 1\r\n\r\n"), { maxHeaderSize: 8 })).size).toBe(1);
  });

  it("does not count the body", async () => {
    expect((await parseHeaders(latin1(`A: 1\r\n\r\n${fill("a:b\r\n")}`))).size).toBe(1);
    expect((await parseHeaders(latin1(fill("not a field\n")))).size).toBe(0);
  });

  it("rejects what is not bytes", async () => {
    await expect(parseHeaders("A: 1" as never)).rejects.toMatchObject({
      code: "POP3_INVALID_ARGUMENT",
      message: "source must be a Buffer or Uint8Array (got a string)",
    });
  });

  it("rejects wrong options", async () => {
    const parse = (options: object): Promise<unknown> => parseHeaders(latin1("A: 1\r\n"), options);
    for (const maxHeaderSize of ["1", 0])
      await expect(parse({ maxHeaderSize })).rejects.toMatchObject({
        code: "POP3_INVALID_ARGUMENT",
        message: expect.stringMatching(/^parse\.maxHeaderSize must be /) as string,
      });
    await expect(parse({ maxHeadersize: 1 })).rejects.toThrow("did you mean parse.maxHeaderSize?");
  });

  // None would end within a test if the time grew with the square of the octets.
  it.each([
    ["folding", `A: 1\r\n${fill(" \r\n")}`],
    ["fields", fill("a:b\r\n", MIB)],
    ["one field name", fill("a")],
    ["blanks", `A: ${fill(" ")}x`],
    ["bare CRs", `A: ${fill("\r")}x`],
    ["beginnings of words", `A: ${fill("=?")}`],
    ["words", `A: ${fill("=?utf-8?Q?x?= ")}`],
    ["words in two charsets", `A: ${fill("=?utf-8?Q?x?= =?koi8-r?Q?x?= ", MIB)}`],
    ["lines that are not fields", fill("x\n")],
    ["continuations without a field", fill(" x\n")],
  ])("takes linear time for %s", async (_, text) => {
    const { size } = await parseHeaders(latin1(text), { maxHeaderSize: 8 * MIB });
    expect(size).toBeLessThanOrEqual(MIB / 5 + 1);
  });
});

describe("readHeaderSection", () => {
  it("returns the start of the body", () => {
    const bodyOf = (text: string): string => text.slice(readHeaderSection(latin1(text)).bodyStart);
    expect(bodyOf("A: 1\r\n\r\nbody\r\n\r\nmore")).toBe("body\r\n\r\nmore");
    expect(bodyOf("A: 1\n\nbody")).toBe("body");
    expect(bodyOf("\r\nbody")).toBe("body");
    expect(bodyOf("\nbody\n")).toBe("body\n");
    expect(bodyOf("A: 1\r\n")).toBe("");
    expect(bodyOf("")).toBe("");
  });

  it("takes every printable character but the colon for a name", () => {
    const names = Array.from({ length: 0x7f - 0x21 }, (_, at) => String.fromCharCode(0x21 + at)).filter(
      (char) => char !== ":",
    );
    const { fields } = readHeaderSection(latin1(names.map((name) => `${name}: 1\n`).join("")));
    expect(fields.map(({ name }) => name)).toEqual(names);
    expect(readHeaderSection(latin1("\x7f: 1\nA\x80: 1\n\x1f: 1\nB: 1")).fields).toHaveLength(1);
  });

  it("treats a message without a single field as a body", () => {
    for (const text of ["body", "body\r\n\r\nmore\r\n", "From ann@example.com\n\nbody"]) {
      expect(readHeaderSection(latin1(text))).toEqual({ fields: [], bodyStart: 0 });
    }
  });
});
