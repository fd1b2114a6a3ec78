// Small readers of texts in mail: flowed text (RFC 3676), dates and message identifiers (RFC 5322). Oracles: any cutting, what a
// program would write, and regular expressions.
import { parseDateTime } from "../../../src/parse/date-time.ts";
import { FlowedText } from "../../../src/parse/flowed.ts";
import { parseMessageIds } from "../../../src/parse/message-id.ts";
import { cuts, expectSame, expectThat, text } from "../oracle.ts";

export const FILES: readonly string[] = ["parse/flowed", "parse/date-time", "parse/message-id"];
export const TOKENS: readonly string[] = [
  ...[
    "> ",
    ">> ",
    " \n",
    "-- \n",
    "\n",
    "Mon, 29 Feb 2024 23:59:60 +0200",
    " (comment)",
    "GMT",
    "31 Apr 99 ",
    "EST",
    "a.m.",
    "-0000",
  ],
  ...["2024-05-01T10:00:00Z", "<1@example.com>", "<", ">", "@", ",", "(", "\\"],
];

function flowed(pieces: readonly string[], deleteSpace: boolean): string {
  const reader = new FlowedText(deleteSpace);
  return pieces.map((piece) => reader.write(piece)).join("") + reader.end();
}

export function fuzz(data: Buffer): void {
  const said = text(data);
  for (const deleteSpace of [false, true]) {
    const whole = flowed([said], deleteSpace);
    for (const pieces of cuts(data))
      expectSame(flowed(pieces.map(text), deleteSpace), whole, "flowed text in pieces");
    expectThat(whole.length <= said.length, "flowed text that has grown", whole);
  }
  const fixed = said.replace(/^[> ]+|[ ]+$/gm, "");
  expectSame(flowed([fixed], false), fixed, "a text without flowed lines");

  const date = parseDateTime(said);
  expectThat(date === undefined || !Number.isNaN(date.getTime()), "an invalid date", date);
  const time = data.length >= 5 ? data.readUIntBE(0, 5) % 250_000_000_000 : 0;
  const written = new Date(time * 1000 - 70 * 365.25 * 86_400_000).toUTCString();
  for (const form of [written, written.replace("GMT", "+0000"), `(a) ${written.slice(5)} (b)`])
    if (/ \d{4} /.test(form))
      expectSame(parseDateTime(form)?.toUTCString(), written, "a date written and read again");

  const ids = [...said.matchAll(/<([^<>]*)>/g)]
    .map(([id]) => id.replace(/\s/g, ""))
    .filter((id) => id.length > 2);
  if (/[<>]/.test(said)) expectSame(parseMessageIds(said), ids, "message identifiers");
  for (const id of parseMessageIds(said)) expectThat(/^<[^<>\s]+>$/.test(id), "a message identifier", id);
}

export function parse(data: Buffer): void {
  flowed([text(data)], false);
  parseDateTime(text(data));
  parseMessageIds(text(data));
}
