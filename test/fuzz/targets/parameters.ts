// A field with parameters (RFC 2045 section 5.1, RFC 2231). Oracle: a value that is written in each form of the RFCs is read
// again unchanged.
import { parseStructured } from "../../../src/parse/parameters.ts";
import { expectSame, expectThat } from "../oracle.ts";

export const FILES: readonly string[] = ["parse/parameters"];
export const TOKENS: readonly string[] = [
  ...[
    "text/plain",
    "; charset=utf-8",
    "; name=",
    "; name*=utf-8''",
    "; name*0=",
    "; name*1*=",
    "; name*0*=utf-8'en'",
    "%E2%82%AC",
  ],
  ...['"', "\\", "(", ")", ";", "=", "*", "'", "=?utf-8?q?a?=", " "],
];

export async function fuzz(data: Buffer): Promise<void> {
  const line = data.toString("utf8").replace(/[\r\n\0]/g, " ");
  const { parameters } = await parseStructured(line);
  for (const [name, value] of parameters) {
    expectThat(name !== "" && name === name.trim().toLowerCase(), "the name of a parameter", name);
    expectThat(!/[\r\n\0]/.test(value), "a value with a line end", value);
  }
  // Encoded-words are decoded even where the RFC forbids them, and a byte order mark is not a character.
  const value = line.replaceAll("=?", "==").replaceAll("\ufeff", "");
  const quoted = (part: string): string => `"${part.replace(/["\\]/g, "\\$&")}"`;
  const encoded = (part: string): string =>
    [...Buffer.from(part)].map((octet) => `%${octet.toString(16).padStart(2, "0")}`).join("");
  const characters = [...value];
  const [start, end] = [
    characters.slice(0, characters.length >> 1).join(""),
    characters.slice(characters.length >> 1).join(""),
  ];
  const forms = {
    quoted: `name=${quoted(value)}`,
    extended: `name*=utf-8'en'${encoded(value)}`,
    "in segments": `name*1=${quoted(end)}; name*0=${quoted(start)}`,
    "in extended segments": `name*0*=utf-8''${encoded(start)}; name*1*=${encoded(end)}`,
    "in segments of both kinds": `name*0*=utf-8''${encoded(start)}; name*1=${quoted(end)}`,
  };
  for (const [form, parameter] of Object.entries(forms)) {
    const read = await parseStructured(`text/plain; a=b; ${parameter} ; c="d"`);
    expectSame(read.value, "text/plain", "the value before the parameters");
    expectSame(read.parameters.get("name"), value, `a parameter ${form}`);
    expectSame(read.parameters.get("c"), "d", `the parameter after one ${form}`);
  }
}

export function parse(data: Buffer): Promise<unknown> {
  return parseStructured(data.toString("latin1"));
}
