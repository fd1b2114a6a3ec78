// Transfer encodings: base64, quoted-printable (RFC 2045 section 6) and uuencode. The first octet chooses one. Oracles: any
// cutting, and that what is encoded and decoded is unchanged.
import { decodeTransfer } from "../../../src/parse/transfer.ts";
import { Turns } from "../../../src/parse/turns.ts";
import { cuts, expectSame, expectThat, fromFirst, octets, text } from "../oracle.ts";

export const FILES: readonly string[] = ["parse/transfer"];
export const TOKENS: readonly string[] = [
  ...[
    "begin 644 a.bin\n",
    "`\nend\n",
    "end",
    "#0V%T\n",
    "=\r\n",
    "=3D",
    "=0D=0A",
    "=",
    "==",
    " \r\n",
    "\t\n",
    "\r\n",
    "\n",
    "\n\n",
  ],
  ...["YWJj", "YWI=", "YQ==", "-- \n", "list footer", "From here"],
];

/** Of a line, at most 4096 octets are kept until its end comes: a longer one may be cut. */
const LINE_MAX = 4096;
export const LONGEST = 10_000;

const ENCODINGS = ["base64", "quoted-printable", "uuencode", "8bit"];

async function decoded(pieces: readonly Buffer[], encoding: string): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of decodeTransfer(pieces, encoding, new Turns())) parts.push(Buffer.from(part));
  return text(Buffer.concat(parts));
}

export async function fuzz(data: Buffer): Promise<void> {
  const [index, body] = fromFirst(data, ENCODINGS.length);
  const encoding = ENCODINGS[index] as string;
  const whole = await decoded([body], encoding);
  expectThat(whole.length <= body.length, `more octets than there were in ${encoding}`, whole.length);
  if (
    !text(body)
      .split("\n")
      .every((line) => line.length < LINE_MAX)
  )
    return;
  for (const pieces of cuts(body))
    expectSame(await decoded(pieces, encoding), whole, `${encoding} in pieces`);

  const lines = body.toString("base64").replace(/.{76}/g, "$&\r\n");
  expectSame(await decoded([octets(lines)], "base64"), text(body), "base64 encoded and decoded");
  expectSame(
    await decoded([octets(quotedPrintable(body))], "quoted-printable"),
    text(body),
    "quoted-printable encoded and decoded",
  );
  expectSame(
    await decoded([octets(uuencoded(body))], "x-uuencode"),
    text(body),
    "uuencode encoded and decoded",
  );
}

function quotedPrintable(body: Buffer): string {
  const escape = (octet: string): string =>
    `=${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  return text(body)
    .replace(/[^!-<>-~]/g, escape)
    .replace(/(?:=..|[^=]){20}(?=.)/g, "$&=\r\n");
}

function uuencoded(body: Buffer): string {
  const character = (value: number): string => (value === 0 ? "`" : String.fromCharCode(value + 32));
  let lines = "begin 644 name\n";
  for (let at = 0; at < body.length; at += 45) {
    const part = body.subarray(at, at + 45);
    const padded = Buffer.concat([part, Buffer.alloc(2)]);
    lines += character(part.length);
    for (let from = 0; from < part.length; from += 3) {
      const bits = padded.readUIntBE(from, 3);
      for (const shift of [18, 12, 6, 0]) lines += character((bits >> shift) & 63);
    }
    lines += "\n";
  }
  return `${lines}\`\nend\n`;
}

export async function parse(data: Buffer): Promise<void> {
  for (const encoding of ENCODINGS) for await (const _ of decodeTransfer([data], encoding, new Turns()));
}
