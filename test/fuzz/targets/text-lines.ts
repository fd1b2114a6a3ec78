// Small readers of texts in mail: flowed text (RFC 3676), dates and message identifiers (RFC 5322). Oracles: any cutting, a
// reader of whole lines by the letter, what a program would write, and regular expressions.
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
    expectSame(whole, flowedByTheLetter(said, deleteSpace), "flowed text");
    for (const pieces of cuts(data))
      expectSame(flowed(pieces.map(text), deleteSpace), whole, "flowed text in pieces");
  }
  checkDates(data, said);

  const ids = [...said.matchAll(/<([^<>]*)>/g)]
    .map(([id]) => id.replace(/\s/g, ""))
    .filter((id) => id.length > 2);
  // Some senders forget the brackets.
  const words = said.split(/[\s,]+/).filter((word) => word !== "");
  const bare = words.length === 1 ? words : words.filter((word) => word.includes("@"));
  const expected = /[<>]/.test(said) ? ids : bare.map((word) => `<${word}>`);
  expectSame(parseMessageIds(said), expected, "message identifiers");
}

/** RFC 3676 sections 4.1 to 4.5, with all lines of the text. */
function flowedByTheLetter(said: string, deleteSpace: boolean): string {
  const lines = said.split("\n").map((line) => {
    const [, marks = "", stuffing = "", content = ""] = /^(>*)( ?)([^]*)$/.exec(line) ?? [];
    const isFlowed = content.endsWith(" ") && content !== "-- ";
    return { marks, stuffing, content, isFlowed, quoted: marks === "" ? "" : marks + stuffing };
  });
  return lines
    .map(({ marks, content, isFlowed, quoted }, at) => {
      const before = lines[at - 1];
      const continues = before?.isFlowed === true && before.marks === marks && content !== "-- ";
      const start = before === undefined || continues ? "" : "\n";
      return start + (continues ? "" : quoted) + (isFlowed && deleteSpace ? content.slice(0, -1) : content);
    })
    .join("");
}

/** RFC 5322 section 4.3: hours east of UTC. A name that it does not have is an unknown zone. */
const ZONES: Readonly<Record<string, number>> = {
  ...{ GMT: 0, UT: 0, Z: 0, XYZ: 0, "+0000": 0, "-0000": 0, "+0230": 2.5, "-1100": -11 },
  ...{ EST: -5, EDT: -4, CST: -6, CDT: -5, MST: -7, MDT: -6, PST: -8, PDT: -7 },
};

function checkDates(data: Buffer, said: string): void {
  const date = parseDateTime(said);
  expectThat(date === undefined || !Number.isNaN(date.getTime()), "an invalid date", date);
  const time = data.length >= 5 ? data.readUIntBE(0, 5) % 250_000_000_000 : 0;
  const written = new Date(time * 1000 - 70 * 365.25 * 86_400_000).toUTCString();
  for (const form of [written, written.replace("GMT", "+0000"), `(a) ${written.slice(5)} (b)`])
    if (/ \d{4} /.test(form))
      expectSame(parseDateTime(form)?.toUTCString(), written, "a date written and read again");
  for (const [zone, east] of Object.entries(ZONES)) {
    const local = new Date(Date.parse(written) + east * 3_600_000).toUTCString().replace("GMT", zone);
    const year = Number(/ (\d{4}) /.exec(local)?.[1] ?? 0);
    // Two digits are a year from 1950 to 2049.
    const short = year < 1950 || year > 2049 ? local : local.replace(/ \d\d(\d\d) /, " $1 ");
    for (const form of year === 0 ? [] : [local, short])
      expectSame(parseDateTime(form)?.toUTCString(), written, `a date written ${form}`);
  }
}

export function parse(data: Buffer): void {
  flowed([text(data)], false);
  parseDateTime(text(data));
  parseMessageIds(text(data));
}
