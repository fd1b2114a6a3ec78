// Parses dates as in RFC 5322. An invalid date gives `undefined`, never the current time.

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
const VALUE_MAX = 128;

const DATE_TIME =
  /^(?:[a-z]{2,9}\.?,?\s*)?(\d{1,2})[\s-]+([a-z]{3})[a-z]*\.?[\s-]+(\d{2,4})[\s,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([+-]\d{4}|[a-z]{1,5})?/i;

/** `2024-05-01T10:00:00Z`: not RFC 5322, but some programs write it. A zone is required. */
const ISO_DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;

/** Parses the value of a `Date` field (RFC 5322 sections 3.3 and 4.3). Two-digit years are 1950 to 2049. */
export function parseDateTime(value: string): Date | undefined {
  if (value.length > VALUE_MAX) return undefined;
  if (ISO_DATE_TIME.test(value)) return validDate(Date.parse(value));
  const match = DATE_TIME.exec(value);
  if (match === null) return undefined;
  const [, day, monthName = "", yearDigits = "", hour, minute, second = "0", zone = ""] = match;
  const month = MONTHS.indexOf(monthName.toLowerCase());
  const local = new Date(0);
  local.setUTCFullYear(fullYear(yearDigits), month, Number(day));
  // A day that the month does not have has moved the date to the next month.
  if (month < 0 || local.getUTCMonth() !== month) return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined; // 60: a leap second
  local.setUTCHours(Number(hour), Number(minute), Number(second));
  return validDate(local.getTime() - zoneOffset(zone) * 60_000);
}

function fullYear(digits: string): number {
  const year = Number(digits);
  if (digits.length >= 4) return year;
  return year + (digits.length === 2 && year < 50 ? 2000 : 1900);
}

/** Minutes east of UTC. */
function zoneOffset(zone: string): number {
  if (!/^[+-]/.test(zone)) return ZONES.get(zone.toLowerCase()) ?? 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3));
  return zone.startsWith("-") ? -minutes : minutes;
}

function validDate(milliseconds: number): Date | undefined {
  return Number.isNaN(milliseconds) ? undefined : new Date(milliseconds);
}
