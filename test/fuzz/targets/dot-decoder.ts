// The block of a multi-line response (RFC 1939 section 3), through the reader of replies. Oracles: a reader by the letter of
// the RFC, any cutting, and the round trip through the encoder.
import { blockPieces, encodeBlock } from "../../../src/protocol/dot-encoder.ts";
import { ReplyReader } from "../../../src/protocol/reply-reader.ts";
import { readReply } from "../../support/by-the-letter.ts";
import { cuts, expectSame, expectThat, octets, text } from "../oracle.ts";

export const FILES: readonly string[] = [
  "protocol/dot-decoder",
  "protocol/dot-encoder",
  "protocol/reply-reader",
];
export const TOKENS: readonly string[] = [
  "\r\n",
  "\r\n.",
  "\r\n.\r\n",
  ".",
  "..",
  "\r",
  ".\r",
  "..\r\n",
  "\n.\n",
  "+OK\r\n",
];

interface Decoded {
  readonly block: string;
  /** The number of octets after the end of the block; `undefined` if it has not ended. */
  readonly left: number | undefined;
}

function decode(chunks: readonly Buffer[]): Decoded {
  let block = "";
  let left: number | undefined;
  let waits = true;
  const reader = new ReplyReader(512, {
    get waiting() {
      return waits;
    },
    line: () => {
      waits = false;
      return true;
    },
    octets: (decoded) => {
      block += text(decoded);
    },
    end: () => {
      left = 0;
    },
  });
  reader.push(octets("+OK\r\n"));
  for (const chunk of chunks) {
    const rest = reader.push(chunk);
    if (left !== undefined) left += rest;
  }
  return { block, left };
}

export function fuzz(data: Buffer): void {
  const whole = decode([Buffer.from(data)]);
  const { outcome, rest } = readReply({ command: "RETR", reply: `+OK\r\n${text(data)}` });
  if (rest !== undefined) expectSame(whole, { block: outcome, left: rest.length }, "a complete block");
  else {
    expectSame(whole.left, undefined, "the end of a block that has none");
    const completed = readReply({ command: "RETR", reply: `+OK\r\n${text(data)}x\r\n.\r\n` });
    expectThat(String(completed.outcome).startsWith(whole.block), "a part of a block", whole.block);
  }
  for (const chunks of cuts(data)) expectSame(decode(chunks), whole, "a block in pieces");

  const encoded = encodeBlock(data);
  expectSame(text(Buffer.concat([...blockPieces(data, 3)])), text(encoded), "a block encoded in pieces");
  const sent = text(data);
  const complete = sent === "" || sent.endsWith("\r\n") ? sent : `${sent}\r\n`;
  expectSame(decode([Buffer.from(encoded)]), { block: complete, left: 0 }, "a block encoded and decoded");
}

export function parse(data: Buffer): void {
  decode([data]);
}
