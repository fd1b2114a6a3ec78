// Parses dates as in RFC 5322. An invalid date gives `undefined`, never the current time or a wrong one.

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/**
 * Zone → minutes east of UTC (RFC 5322 section 4.3). Every other name is an unknown zone and counts as UTC.
 */
const ZONES: ReadonlyMap<string, number> = new Map([
  ["edt", -240],
  ["est", -300],
  ["cdt", -300],
  ["cst", -360],
  ["mdt", -360],
  ["mst", -420],
  ["pdt", -420],
  ["pst", -480],
]);

/** The maximum length of a date. A longer value is not matched. */
const VALUE_MAX = 256;

const DATE = /^\s*(?:[a-z]{2,9}\.?\s*,?\s*)?(\d{1,2})[\s-]+([a-z]{3})[a-z]*\.?[\s-]+(\d{2,4})[\s,]+(?=\d)/i;

const TIME = /^(\d{1,2})\s*:\s*(\d{2})(?:\s*:\s*(\d{2})(?:[.,]\d+)?)?\s*(?:([ap])\.?m\b\.?\s*)?(?![\d:.])/i;

/**
 * `+0200`, `+02:00`, `+02`; before it a name, which says less: `GMT+0200`, `UTC +01:00`. After it the text of
 * some programs.
 */
const OFFSET = /^(?:[a-z]{1,5}\s*)?([+-])(\d{2}):?(\d{2})?(?![\d:])/i;

/** A name alone, or nothing. Anything else may be a zone that we cannot read, and not UTC. */
const NAME = /^([a-z]{1,5})?\s*$/i;

/** `2024-05-01T10:00:00Z`: not RFC 5322, but some programs write it. A zone is required. */
const ISO_DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;

/**
 * Parses the value of a `Date` field (RFC 5322 sections 3.3 and 4.3). Comments may be anywhere. Two-digit
 * years are 1950 to 2049.
 */
export function parseDateTime(value: string): Date | undefined {
  if (value.length > VALUE_MAX) return undefined;
  if (ISO_DATE_TIME.test(value)) return validDate(Date.parse(value));
  const text = withoutComments(value);
  const date = DATE.exec(text);
  if (date === null) return undefined;
  const rest = text.slice(date[0].length);
  const time = TIME.exec(rest);
  if (time === null) return undefined;
  const day = calendarDay(date[1] ?? "", date[2] ?? "", date[3] ?? "");
  const offset = zoneOffset(rest.slice(time[0].length));
  return validDate(day + secondsOfDay(time) * 1000 - offset * 60_000);
}

/** RFC 5322 section 4.3: a comment may stand between any two parts. One that never closes ends the value. */
function withoutComments(value: string): string {
  let text = "";
  let depth = 0;
  for (let at = 0; at < value.length; at++) {
    const char = value.charAt(at);
    if (char === "(") depth++;
    else if (depth === 0) text += char;
    else if (char === "\\") at++;
    else if (char === ")" && --depth === 0) text += " ";
  }
  return text;
}

/** Milliseconds of the beginning of the day in UTC; NaN: there is no such day. */
function calendarDay(day: string, month: string, year: string): number {
  const index = MONTHS.indexOf(month.toLowerCase());
  const date = new Date(0);
  date.setUTCFullYear(fullYear(year), index, Number(day));
  // A day that the month does not have has moved the date to the next month. An unknown month is -1.
  return date.getUTCMonth() === index ? date.getTime() : NaN;
}

function fullYear(digits: string): number {
  const year = Number(digits);
  if (digits.length >= 4) return year;
  return year + (digits.length === 2 && year < 50 ? 2000 : 1900);
}

/** NaN: there is no such time. */
function secondsOfDay(time: RegExpExecArray): number {
  const [, hours, minutes, seconds = 0, half] = time;
  let hour = Number(hours);
  if (half !== undefined) {
    if (hour < 1 || hour > 12) return NaN;
    hour = (hour % 12) + (half.toLowerCase() === "p" ? 12 : 0);
  }
  if (hour > 23 || Number(minutes) > 59 || Number(seconds) > 60) return NaN; // 60: a leap second
  return hour * 3600 + Number(minutes) * 60 + Number(seconds);
}

/** Minutes east of UTC; NaN: it cannot be read. */
function zoneOffset(zone: string): number {
  const offset = OFFSET.exec(zone);
  if (offset !== null) {
    const [, sign, hours, minutes = 0] = offset;
    if (Number(hours) > 23 || Number(minutes) > 59) return NaN;
    const east = Number(hours) * 60 + Number(minutes);
    return sign === "-" ? -east : east;
  }
  const name = NAME.exec(zone);
  if (name === null) return NaN;
  return ZONES.get((name[1] ?? "").toLowerCase()) ?? 0;
}

function validDate(milliseconds: number): Date | undefined {
  return Number.isNaN(milliseconds) ? undefined : new Date(milliseconds);
}
