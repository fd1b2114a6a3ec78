// A whole message, with its parts. Oracles: only a limit makes it fail; a stream that is cut anywhere gives the same; the content
// of the attachments is no longer than the message. The target also writes messages, with parts of the kinds that the input
// chooses: each of their parts is read, in order.
import { parseHeaders } from "../../../src/parse/headers.ts";
import { parseMessage } from "../../../src/parse/parse-message.ts";
import type { ParsedMessage } from "../../../src/parse/message.ts";
import { cuts, expectSame, expectThat, octets, settledOutcome, text, type Outcome } from "../oracle.ts";

export const FILES: readonly string[] = [
  ...[
    "parse/parse-message",
    "parse/parts",
    "parse/part-header",
    "parse/body",
    "parse/attachment",
    "parse/text-part",
  ],
  ...["parse/message-octets", "parse/parser"],
];

const TYPE = "Content-Type: ";
const WHOLE = [
  `${TYPE}multipart/related; boundary=b\r\n\r\n--b\r\n${TYPE}text/html\r\n\r\n<img src=cid:c>\r\n`,
  `--b\r\n${TYPE}image/png; name=c.png\r\nContent-ID: <c>\r\nContent-Transfer-Encoding: base64\r\n\r\nYWJj\r\n--b--\r\n`,
].join("");
const BOUNCE = `${TYPE}multipart/report; boundary=b\r\n\r\n--b\r\n\r\na\r\n--b\r\n${TYPE}message/delivery-status\r\n\r\nb\r\n--b--\r\n`;

export const TOKENS: readonly string[] = [
  ...[WHOLE, BOUNCE],
  ...[
    "Content-Type: text/plain\r\n",
    "Content-Type: text/html; charset=utf-8\r\n",
    "Content-Type: message/rfc822\r\n",
  ],
  ...[
    'Content-Type: multipart/mixed; boundary="b"\r\n\r\n',
    "Content-Type: multipart/related; boundary=b\r\n\r\n",
  ],
  ...[
    "Content-Type: multipart/alternative; boundary=c\r\n\r\n",
    "Content-Type: text/plain; format=flowed; delsp=yes\r\n",
  ],
  ...["Content-Transfer-Encoding: base64\r\n", "Content-Transfer-Encoding: quoted-printable\r\n"],
  ...[
    "Content-Transfer-Encoding: uuencode\r\n",
    "Content-Disposition: attachment; filename=a\r\n",
    "Content-ID: <a>\r\n",
  ],
  ...[
    "begin 644 a\r\n#0V%T\r\n`\r\nend\r\n",
    "--b\r\n",
    "--b--\r\n",
    "--c\r\n",
    "\r\n",
    "\n",
    "YWJj",
    "=20",
    "<meta charset=koi8-r>",
  ],
  ...["From: Ann <ann@example.com>\r\n", "To: a: b@c, d;\r\n", "Subject: =?utf-8?q?a?=\r\n"],
];

const CONVERTED = {
  ...{ skipHtmlToText: false, skipTextToHtml: false, skipImageLinks: false, skipTextLinks: false },
  keepDeliveryStatus: true,
};

const CODES = ["POP3_MESSAGE_TOO_LARGE"];

/** As it is compared: `headers` has private fields. */
function shown(outcome: Outcome<ParsedMessage>): unknown {
  if ("code" in outcome) return outcome;
  const { headers, ...rest } = outcome.value;
  return { ...rest, headers: [...headers] };
}

async function* streamed(pieces: readonly Buffer[]): AsyncGenerator<Buffer, void> {
  for (const piece of pieces) yield piece;
}

export async function fuzz(data: Buffer): Promise<void> {
  await checkWritten(data);
  const whole = await settledOutcome(CODES, () => parseMessage(data, { maxParts: 20 }));
  for (const pieces of cuts(data)) {
    const cut = await settledOutcome(CODES, () => parseMessage(streamed(pieces), { maxParts: 20 }));
    expectSame(shown(cut), shown(whole), "a message in pieces");
  }
  if ("code" in whole) return;
  const converted = await settledOutcome(CODES, () => parseMessage(data, CONVERTED));
  expectThat("value" in converted, "a message that is converted", converted);
  const { attachments, headers, text: plain, html } = whole.value;
  expectSame([...headers], [...(await parseHeaders(data))], "the headers of a message");
  const size = attachments.reduce((sum, { content }) => sum + content.length, 0);
  expectThat(size <= data.length, "attachments that are longer than the message", size);
  for (const { content, size } of attachments) expectSame(size, content.length, "the size of an attachment");
  expectThat(
    (plain?.length ?? 0) + (html?.length ?? 0) <= data.length,
    "a text that is longer than the message",
    plain,
  );
}

/** A message, and the attachments that a reader must find in it. */
interface Written {
  readonly octets: Buffer;
  readonly attachments: readonly (readonly [filename: string, type: string, content: string])[];
  readonly text: readonly string[];
  readonly html: readonly string[];
}

/** Each octet is a part: its kind, and how much of the input it has. */
function written(data: Buffer): Written {
  const attachments: [filename: string, type: string, content: string][] = [];
  const [texts, htmls]: [string[], string[]] = [[], []];
  const lines = [`${TYPE}multipart/mixed; boundary=b0`, ""];
  let depth = 0;
  for (const [at, octet] of data.subarray(0, 12).entries()) {
    const content = data.subarray(at, at + (octet >> 3));
    const shown = `${at} ${content.toString("hex")}`;
    const kind = octet & 7;
    // Never empty: a multipart without parts is text.
    if (kind === 6) lines.push(`--b${depth}`, `${TYPE}multipart/mixed; boundary=b${++depth}`, "");
    if (kind === 7 && depth > 0) {
      lines.push(`--b${depth--}--`);
      continue;
    }
    lines.push(`--b${depth}`);
    if (kind < 4) {
      const [type, filename] = [kind === 0 ? "text/plain" : "application/octet-stream", `file${at}`];
      attachments.push([filename, type, text(content)]);
      lines.push(`${TYPE}${type}`, `Content-Disposition: attachment; filename=${filename}`);
      lines.push("Content-Transfer-Encoding: base64", "", content.toString("base64"));
    } else if (kind === 4) {
      htmls.push(shown);
      lines.push(`${TYPE}text/html`, "", shown);
    } else {
      texts.push(shown);
      lines.push(`${TYPE}text/plain`, "", shown);
    }
  }
  if (lines.length === 2) lines.push("--b0", "", "");
  while (depth >= 0) lines.push(`--b${depth--}--`);
  return { octets: octets(`${lines.join("\r\n")}\r\n`), attachments, text: texts, html: htmls };
}

async function checkWritten(data: Buffer): Promise<void> {
  const message = written(data);
  const read = await parseMessage(message.octets);
  const attachments = read.attachments.map(({ filename, contentType, content }) => {
    return [filename, contentType, text(content)];
  });
  expectSame(attachments, message.attachments, "the attachments of a message that was written");
  expectSame(read.text ?? "", message.text.join("\n"), "its text");
  expectSame(read.html ?? "", message.html.join("<br/>\n"), "its HTML");
}

export function parse(data: Buffer): Promise<unknown> {
  return settledOutcome(CODES, () => parseMessage(data));
}
