// Content that harms a parser: the client returns octets, and parses only on request.
import { expect } from "vitest";
import { parseMessage, type ParseOptions } from "popwright/parse";
import type { Play, Row } from "./row.ts";
import { octets, session } from "./steps.ts";

const MIB = 1024 * 1024;

function parsing(
  row: string,
  name: string,
  text: string,
  seen: (parsed: Parsed) => unknown,
  gives: unknown,
): Play {
  return { row, name, play: async () => expect(seen(await parse(text))).toEqual(gives) };
}

type Parsed = Awaited<ReturnType<typeof parse>>;
const parse = (text: string, options?: ParseOptions): ReturnType<typeof parseMessage> =>
  parseMessage(Buffer.from(text, "latin1"), options);

function refused(name: string, text: string): Play {
  return {
    row: "3E.124",
    name: `${name} is rejected before it is parsed`,
    play: async () => {
      await expect(parse(text)).rejects.toMatchObject({ name: "Pop3Error", code: "POP3_MESSAGE_TOO_LARGE" });
    },
  };
}

const multipart = (parts: string): string =>
  `Content-Type: multipart/mixed; boundary=b\r\n\r\n${parts}--b--\r\n`;

function nested(depth: number): string {
  let text = "Content-Type: multipart/mixed; boundary=b0\r\n\r\n";
  for (let level = 1; level < depth; level++) {
    text += `--b${level - 1}\r\nContent-Type: multipart/mixed; boundary=b${level}\r\n\r\n`;
  }
  return `${text}--b${depth - 1}\r\n\r\ntext\r\n`;
}

const FORGED = `=?utf-8?b?${Buffer.from('"bank@example.com" <bank@example.com>,').toString("base64")}?=`;
const SCRIPT = "<script>alert(1)</script> & <img src=x onerror=alert(1)>";

export const MIME: readonly Row[] = [
  refused("a message of 300 000 parts", multipart("--b\r\n\r\nx\r\n".repeat(300_000))),
  refused("a message of 10 000 levels", nested(10_000)),
  refused("20 MiB of addresses", `To: ${"a@b,".repeat(5 * MIB)}\r\n\r\nx`),
  refused("a subject of 20 MiB", `Subject: ${"a".repeat(20 * MIB)}\r\n\r\ntext`),
  parsing(
    "3E.125",
    "20 MiB of HTML are not parsed",
    `Content-Type: text/html\r\n\r\n${"<div>".repeat(4 * MIB)}`,
    ({ html, text }) => [html?.length, text],
    [20 * MIB, undefined],
  ),
  parsing(
    "3E.126",
    "groups of addresses within each other",
    `To: ${"g:".repeat(3000)}a@example.com${";".repeat(3000)}\r\n\r\nx`,
    ({ text }) => text,
    "x",
  ),
  {
    row: "3E.126",
    name: "100,000 nested groups of addresses do not overflow the stack",
    play: async () => {
      const text = `To: ${"g:".repeat(100_000)}a@example.com${";".repeat(100_000)}\r\n\r\nx`;
      const [result] = await Promise.allSettled([parse(text)]);
      if (result.status === "rejected")
        expect(result.reason).toMatchObject({ code: "POP3_MESSAGE_TOO_LARGE" });
    },
  },
  parsing(
    "3E.127",
    "an encoded word is the name of a sender, and never the address",
    `From: ${FORGED} <ann@example.com>\r\n\r\nx`,
    ({ from }) => from.map(({ address }) => address),
    ["ann@example.com"],
  ),
  parsing(
    "3E.127",
    "text becomes HTML only on request",
    `\r\n${SCRIPT}`,
    (parsed) => ["textAsHtml" in parsed, "html" in parsed, parsed.text],
    [false, false, SCRIPT],
  ),
  {
    row: "3E.127",
    name: "text as HTML contains no elements of the sender",
    play: async () => {
      const { textAsHtml = "" } = await parse(`\r\n${SCRIPT}`, { skipTextToHtml: false });
      expect(textAsHtml).not.toMatch(/<(?:script|img)/i);
      expect(textAsHtml).toContain("&lt;script&gt;");
    },
  },
  {
    row: "3E.127",
    name: "retr() returns the octets as they came",
    server: session("C: RETR 1", octets(`+OK\r\nFrom: ${FORGED}\r\n\r\n${SCRIPT}\r\n.\r\n`)),
    calls: (client) => client.retr(1),
    gives: octets(`From: ${FORGED}\r\n\r\n${SCRIPT}\r\n`),
    leaves: "transaction",
  },
];
