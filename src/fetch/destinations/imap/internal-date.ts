// Finds the time at which a message was received: the INTERNALDATE that mail programs sort by (RFC 9051 section 2.3.3).

/** How much of a message is searched for header fields; octets. */
const LONGEST_HEADER = 256 * 1024;

/** How many Received fields are looked at. */
const MOST_RECEIVED = 100;

/** Servers misread earlier times: Cyrus takes 1970-01-01 00:00 for "now", and Dovecot wraps what is before it. */
const EARLIEST = Date.UTC(1970, 0, 2);

/**
 * Returns the time of the newest Received field that is plausible, else that of the Date field, else `now`. A time
 * before 1970-01-02 or after `now` is not plausible.
 */
export function internalDate(octets: Buffer, now: Date): Date {
  const { received, date } = fieldsOf(octets);
  // Each server puts its field above the others, so the first one is the newest.
  const texts = [...received.map((field) => field.slice(field.lastIndexOf(";") + 1)), date ?? ""];
  for (const text of texts) {
    const time = timeOf(text);
    if (time !== undefined && time >= EARLIEST && time <= now.getTime()) return new Date(time);
  }
  return now;
}

interface Fields {
  readonly received: readonly string[];
  readonly date: string | undefined;
}

/** Returns the values of the fields, unfolded and without comments. */
function fieldsOf(octets: Buffer): Fields {
  const received: string[] = [];
  let date: string | undefined;
  let field = "";
  const end = (): void => {
    const [, name = "", value = ""] = /^(received|date)[ \t]*:([^]*)$/i.exec(field) ?? [];
    if (name.toLowerCase() === "received" && received.length < MOST_RECEIVED)
      received.push(withoutComments(value));
    else if (name.toLowerCase() === "date") date ??= withoutComments(value);
  };
  for (const ended of octets.toString("latin1", 0, LONGEST_HEADER).split("\n")) {
    const line = withoutReturns(ended);
    if (/^[ \t]/.test(line)) {
      field += line;
      continue;
    }
    end();
    field = line;
    if (line === "") break;
  }
  end();
  return { received, date };
}

/** Returns a line without the CRs at its end. A pattern would try each CR of a long run. */
function withoutReturns(line: string): string {
  let end = line.length;
  while (line[end - 1] === "\r") end--;
  return line.slice(0, end);
}

/** How deep comments may be nested. */
const DEEPEST = 5;

/** RFC 5322 section 3.2.2: a comment counts as a space. */
function withoutComments(value: string): string {
  let text = value;
  for (let depth = 0; depth < DEEPEST && text.includes("("); depth++) text = text.replace(/\([^()]*\)/g, " ");
  return text;
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/** RFC 5322 section 4.3. Unknown zones are UTC. Hours. */
const ZONES: Readonly<Record<string, number>> = {
  EST: -5,
  EDT: -4,
  CST: -6,
  CDT: -5,
  MST: -7,
  MDT: -6,
  PST: -8,
  PDT: -7,
};

/** The day of the week may be missing, and so may the zone. What follows is ignored. */
const DATE =
  /^(?:[a-z]{3,9} ?,? ?)?(\d{1,2})[ -]([a-z]{3,9})[ -](\d{2,4}) (\d{1,2}):(\d{2})(?::(\d{2}))?(?: ?([+-]\d{4})| ([a-z]{1,5}))?(?: |$)/i;

/**
 * Parses a date and time (RFC 5322 sections 3.3 and 4.3). Returns milliseconds since 1970, or `undefined` if it is not
 * one. Not with `Date.parse`, which reads much else, and takes the zone of this machine if there is none.
 */
export function timeOf(text: string): number | undefined {
  const [, day, name = "", years = "", hour, minute, second = "0", offset, zone = ""] =
    DATE.exec(text.trim().replace(/\s+/g, " ").slice(0, 80)) ?? [];
  const month = MONTHS.indexOf(name.slice(0, 3).toLowerCase());
  if (day === undefined || month === -1) return undefined;
  const [hours, minutes, seconds] = [Number(hour), Number(minute), Number(second)];
  if (hours > 23 || minutes > 59 || seconds > 60) return undefined;
  const time = Date.UTC(yearOf(years), month, Number(day), hours, minutes, seconds);
  // 31 February.
  if (new Date(Date.UTC(yearOf(years), month, Number(day))).getUTCDate() !== Number(day)) return undefined;
  const east = offset === undefined ? (ZONES[zone.toUpperCase()] ?? 0) * 60 : minutesOf(offset);
  return time - east * 60_000;
}

function yearOf(digits: string): number {
  const year = Number(digits);
  if (digits.length === 4) return year;
  return digits.length === 2 && year < 50 ? 2000 + year : 1900 + year;
}

function minutesOf(offset: string): number {
  const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(3));
  return offset.startsWith("-") ? -minutes : minutes;
}
