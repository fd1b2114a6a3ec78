// When a message was received, from its Received and Date fields (RFC 5322 sections 3.3, 3.6.7 and 4.3). Oracles: a date that is
// written in any of its forms is read again; the result is a time between 1970 and now; dates that the platform reads in the
// form of RFC 5322 are read the same.
import { internalDate, timeOf } from "../../../src/fetch/destinations/imap/internal-date.ts";
import { expectSame, expectThat, octets, text } from "../oracle.ts";

export const FILES: readonly string[] = ["fetch/destinations/imap/internal-date"];
export const TOKENS: readonly string[] = [
  ...[
    "Received: from a by b; Thu, 02 Jan 2020 03:04:05 +0100\r\n",
    "Date: Fri, 3 Jan 2020 03:04 GMT\r\n",
    "Date :",
  ],
  ...[
    "received:",
    "\r\n ",
    "\r\n",
    "\n",
    "\r",
    "(",
    ")",
    ";",
    ",",
    ":",
    "-0000",
    "EST",
    "31 Feb 2020",
    "99",
    "70",
  ],
  ...["2-Jan-2020 03:04:05", "24:00", "23:59:60", "+9999"],
];

const NOW = new Date(Date.UTC(2030, 0, 1));
const EARLIEST = Date.UTC(1970, 0, 2);
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** RFC 5322 section 4.3: hours east of UTC. */
const ZONES: Readonly<Record<string, number>> = {
  ...{ GMT: 0, UT: 0, XYZ: 0, EST: -5, EDT: -4, CST: -6, CDT: -5, MST: -7, MDT: -6, PST: -8, PDT: -7 },
};

export function fuzz(data: Buffer): void {
  const found = internalDate(data, NOW).getTime();
  expectThat(found >= EARLIEST && found <= NOW.getTime(), "a time of receipt", found);
  const same = internalDate(octets(text(data).replace(/\r*\n/g, "\r\n")), NOW).getTime();
  expectSame(found, same, "a message with other line ends");
  checkTime(text(data));
  checkWritten(data);
}

function checkTime(said: string): void {
  const time = timeOf(said);
  expectThat(time === undefined || Number.isSafeInteger(time), "a time", time);
  const strict =
    /^(?:[A-Z][a-z]{2}, )?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/.exec(
      said,
    );
  if (strict === null) return;
  const [, day, month = "", year, hours, minutes, seconds, sign, east, more] = strict;
  const utc = Date.UTC(
    2000,
    MONTHS.indexOf(month),
    Number(day),
    Number(hours),
    Number(minutes),
    Number(seconds),
  );
  const at = new Date(utc);
  at.setUTCFullYear(Number(year), MONTHS.indexOf(month), Number(day));
  const isDate = MONTHS.includes(month) && at.getUTCDate() === Number(day) && Number(year) >= 100;
  const isTime = Number(hours) < 24 && Number(minutes) < 60 && Number(seconds) < 60;
  if (!isTime || !isDate) return;
  const offset = (Number(east) * 60 + Number(more)) * 60_000;
  expectSame(time, at.getTime() - (sign === "-" ? -offset : offset), "a date by the letter");
}

/** A time of the input, in the forms of RFC 5322. */
function checkWritten(data: Buffer): void {
  const number = data.length < 5 ? data.length : data.readUIntBE(0, 5);
  const time = EARLIEST + (number % (NOW.getTime() / 1000 - EARLIEST / 1000)) * 1000;
  const utc = new Date(time).toUTCString();
  const east = ((data[5] ?? 0) % 27) - 12;
  const zone = `${east < 0 ? "-" : "+"}${String(Math.abs(east)).padStart(2, "0")}30`;
  const local = new Date(time + (east < 0 ? east * 60 - 30 : east * 60 + 30) * 60_000).toUTCString();
  for (const [name, hours] of Object.entries(ZONES)) {
    const there = new Date(time + hours * 3_600_000).toUTCString().replace("GMT", name);
    const short = there.replace(/ \d\d(\d\d) /, " $1 ");
    for (const form of [there, short]) {
      const received = octets(`Received: a; never\r\nReceived: b; ${form}\r\nDate: Thu, 1 Jan 1970\r\n\r\n`);
      expectSame(internalDate(received, NOW).getTime(), time, `a time of receipt written ${form}`);
    }
  }
  const comment = text(data.subarray(6, 20)).replace(/[()\\\r\n]/g, "");
  for (const date of [utc, local.replace("GMT", zone), utc.replace(/^.{5}/, ""), utc.replace(" GMT", "")]) {
    const folded = date.replaceAll(" ", `\r\n\t(${comment})`);
    for (const form of [
      date,
      `${date} (${comment})`,
      folded,
      date.replace(/^(?:\w+, )?/, `$&(a(${comment})b) `),
    ]) {
      const received = octets(`Received: from (;) a\r\n by b; ${form}\r\nDate: ${utc}\r\n\r\n${text(data)}`);
      expectSame(
        internalDate(received, NOW).getTime(),
        time,
        `a time of receipt written ${JSON.stringify(form)}`,
      );
      const dated = octets(`X: Date: a\r\nDATE \t: ${form}\r\n\r\nReceived: a; ${form}`);
      expectSame(internalDate(dated, NOW).getTime(), time, `a date written ${JSON.stringify(form)}`);
    }
  }
}

export function parse(data: Buffer): void {
  internalDate(data, NOW);
  internalDate(Buffer.concat([octets("Received: a"), data]), NOW);
  timeOf(text(data));
}
