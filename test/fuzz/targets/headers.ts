// The header section of a message (RFC 5322 section 2.2). Oracles: a reader with regular expressions, that the raw fields make
// the same section again, and that no value can add a line.
import { readHeaderSection } from "../../../src/parse/fields.ts";
import { parseHeaders } from "../../../src/parse/headers.ts";
import { expectSame, expectThat, octets, text } from "../oracle.ts";

export const FILES: readonly string[] = ["parse/fields", "parse/headers"];
export const TOKENS: readonly string[] = [
  "\r\n",
  "\n",
  "\r",
  "\r\n ",
  "\r\n\t",
  ": ",
  ":",
  "Subject: ",
  "From: ",
  "From ",
  "=?utf-8?q?a?=",
  " ",
  "\0",
];

interface Section {
  readonly fields: readonly (readonly [name: string, raw: string, body: string])[];
  readonly bodyStart: number;
}

function byTheLetter(message: string): Section {
  const units: string[] = [];
  let bodyStart: number | undefined;
  let at = 0;
  for (const line of message.split(/(?<=\n)/)) {
    at += line.length;
    if (units.length > 0 && /^[ \t]/.test(line)) units.push(`${units.pop() ?? ""}${line}`);
    else if (/^\r?\n$/.test(line)) {
      bodyStart = at;
      break;
    } else units.push(line);
  }
  const fields = units.flatMap((unit) => {
    const raw = unit.replace(/\r?\n$/, "");
    const [, name, body] = /^([!-9;-~]+)[ \t]*:([^]*)$/.exec(raw) ?? [];
    return name === undefined || body === undefined ? [] : [[name, raw, body] as const];
  });
  if (fields.length > 0) return { fields, bodyStart: bodyStart ?? message.length };
  return { fields, bodyStart: units.length === 0 ? (bodyStart ?? 0) : 0 };
}

function read(data: Buffer): Section {
  const { fields, bodyStart } = readHeaderSection(data);
  return { fields: fields.map(({ name, raw, body }) => [name, text(raw), text(body)]), bodyStart };
}

export async function fuzz(data: Buffer): Promise<void> {
  const section = read(data);
  expectSame(section, byTheLetter(text(data)), "a header section");
  const again = section.fields.map(([, raw]) => `${raw}\r\n`).join("");
  expectSame(read(octets(again)).fields, section.fields, "fields written and read again");

  const headers = await parseHeaders(data);
  expectSame(headers.size, section.fields.length, "the number of fields");
  let index = 0;
  for (const { name, value, raw } of headers) {
    const [written, rawText, body] = section.fields[index++] ?? ["", "", ""];
    expectSame([name, text(raw)], [written, rawText], "a field");
    expectThat(!/[\r\n\0]/.test(value), "a value with a line end", value);
    expectThat(headers.getAll(name.toUpperCase()).includes(value), "a field that is not found", name);
    if (/^[\0-\x7f]*$/.test(body) && !body.includes("=?"))
      expectSame(
        value,
        body
          .replace(/\r\n|\n/g, "")
          .replace(/[\r\0]/g, " ")
          .replace(/^[ \t]+|[ \t]+$/g, ""),
        "a value",
      );
  }
}

export function parse(data: Buffer): Promise<unknown> {
  return parseHeaders(data, { maxHeaderSize: 1e9 });
}
