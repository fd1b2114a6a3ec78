// A whole message, with its parts. Oracles: only a limit makes it fail; a stream that is cut anywhere gives the same; the content
// of the attachments is no longer than the message.
import { parseHeaders } from "../../../src/parse/headers.ts";
import { parseMessage } from "../../../src/parse/parse-message.ts";
import type { ParsedMessage } from "../../../src/parse/message.ts";
import { cuts, expectSame, expectThat, settledOutcome, type Outcome } from "../oracle.ts";

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
  const whole = await settledOutcome(CODES, () => parseMessage(data, { maxParts: 20 }));
  for (const pieces of cuts(data)) {
    const cut = await settledOutcome(CODES, () => parseMessage(streamed(pieces), { maxParts: 20 }));
    expectSame(shown(cut), shown(whole), "a message in pieces");
  }
  if ("code" in whole) return;
  const converted = await settledOutcome(CODES, () => parseMessage(data, CONVERTED));
  expectThat("value" in converted, "a message that is converted", converted);
  const { attachments, headers, text, html } = whole.value;
  expectSame([...headers], [...(await parseHeaders(data))], "the headers of a message");
  const size = attachments.reduce((sum, { content }) => sum + content.length, 0);
  expectThat(size <= data.length, "attachments that are longer than the message", size);
  for (const { content, size } of attachments) expectSame(size, content.length, "the size of an attachment");
  expectThat(
    (text?.length ?? 0) + (html?.length ?? 0) <= data.length,
    "a text that is longer than the message",
    text,
  );
}

export function parse(data: Buffer): Promise<unknown> {
  return settledOutcome(CODES, () => parseMessage(data));
}
