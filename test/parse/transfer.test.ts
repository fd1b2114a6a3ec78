// Transfer encodings (RFC 2045 section 6): the bytes of a part are the same however it is cut.
import { expect, it } from "vitest";
import { decodeTransfer } from "../../src/parse/transfer.ts";
import { Turns } from "../../src/parse/turns.ts";
import { everyCut, octets, text } from "../support/octets.ts";

async function decoded(pieces: readonly Buffer[], encoding: string): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of decodeTransfer(pieces, encoding, new Turns())) parts.push(part);
  return text(Buffer.concat(parts));
}

// [what it is, encoding, body, content]
const BODIES: readonly (readonly [string, string, string, string])[] = [
  ["text after a line of blanks", "base64", "YWJj\n \n-- \nlist", "abc"],
  ["two padded blocks", "base64", "YQ==\nYWI=\nYg==\n", "aabb"],
  ["text after a padded block", "base64", "YQ==\nlist of mails\n", "a"],
  ["soft line breaks", "quoted-printable", "a=\nb=\r\nc=", "abc"],
  ["an equals sign before a soft line break", "quoted-printable", "a==\nAAb\n", "a=AAb\n"],
  ["blanks after a soft line break", "quoted-printable", "a= \t\r\nb \r\n", "ab\r\n"],
  ["a word that ends in begin", "uuencode", "abegin 6", "abegin 6"],
  ["data after text", "uuencode", "text\nbegin 644 a\n#0V%T\n`\nend\n", "Cat"],
];

it.each(BODIES)("decodes %s, at every cut", async (_, encoding, body, content) => {
  for (const pieces of everyCut(octets(body))) expect(await decoded(pieces, encoding)).toBe(content);
});
