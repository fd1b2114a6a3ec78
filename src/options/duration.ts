// Times as options take them: a number in the unit of the option, or a text with a unit of its own, such as "14 days".
import { printable } from "../protocol/printable.ts";

/** The names of the units, and their length in milliseconds. */
const UNITS = {
  ms: 1,
  millisecond: 1,
  milliseconds: 1,
  s: 1000,
  sec: 1000,
  second: 1000,
  seconds: 1000,
  min: 60_000,
  minute: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  hours: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  days: 86_400_000,
  w: 604_800_000,
  week: 604_800_000,
  weeks: 604_800_000,
} as const;

/**
 * A time: a number, or a text with a unit, such as `"30 s"`, `"1.5 h"`, `"14 days"` or `"14d"`. Each option that takes it
 * says what the unit of a number is. The units are `ms`, `s`, `min`, `h`, `d` and `w`, or their names, such as `seconds`.
 * `m` is refused, because it may mean minutes or months.
 *
 * @example
 * ```ts
 * const client = await Pop3Client.connect({ host: "pop.example.com", timeouts: { connect: "5 s", total: "10 min" } });
 * ```
 */
export type Duration = number | DurationText;

/** A time with its unit, see {@link Duration}. */
export type DurationText = `${number}${"" | " "}${keyof typeof UNITS}`;

/** The unit of an option whose value is a number. */
export type TimeUnit = "ms" | "s" | "d";

/** Returns the milliseconds of a text such as "14 days"; `undefined`: it is not a number with a unit. */
export function parseDuration(text: string): number | undefined {
  const [, number, unit = ""] = /^(\d{1,15}(?:\.\d{1,9})?) ?([a-z]+)$/.exec(text) ?? [];
  if (number === undefined || !Object.hasOwn(UNITS, unit)) return undefined;
  // 1.1 * 1000 is 1100.0000000000002.
  return Math.round(Number(number) * UNITS[unit as keyof typeof UNITS]);
}

/**
 * Returns the value of an option in the unit of the option; `undefined`: it is not a number of at least 0, and not a text
 * with a unit.
 */
export function durationIn(unit: TimeUnit, value: unknown): number | undefined {
  if (typeof value === "number") return value >= 0 ? value : undefined;
  const milliseconds = typeof value === "string" ? parseDuration(value) : undefined;
  return milliseconds === undefined ? undefined : milliseconds / UNITS[unit];
}

const NAMES: Readonly<Record<TimeUnit, string>> = { ms: "milliseconds", s: "seconds", d: "days" };
const EXAMPLES: Readonly<Record<TimeUnit, string>> = {
  ms: '"500 ms" or "30 s"',
  s: '"30 s" or "10 min"',
  d: '"36 h" or "14 days"',
};

/** The end of an error about such a value: what is expected. */
export function durationWanted(unit: TimeUnit): string {
  return `a number of ${NAMES[unit]} >= 0, or a text such as ${EXAMPLES[unit]}`;
}

/** The end of an error about a wrong value: how to write it right, if that can be known. */
export function durationHint(unit: TimeUnit, value: unknown): string {
  if (typeof value !== "string") return "";
  if (/^\d+(\.\d+)?$/.test(value)) return `: a text needs a unit, as in "${printable(value)} ${unit}"`;
  const [, number] = /^(\d+(?:\.\d+)?) ?m$/i.exec(value) ?? [];
  if (number !== undefined) return printable(`: write "${number} min" for minutes, "${number} d" for days`);
  return /^\d/.test(value) ? ": the units are ms, s, min, h, d and w" : "";
}
