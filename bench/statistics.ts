// Medians and their spread. On a machine with other load, a mean would mostly show that load.

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2;
}

/** Divides the value of each run by that of another client in the same run: other load slows both. */
export function medianRatio(
  values: readonly (number | undefined)[],
  limits: readonly (number | undefined)[],
): number {
  const ratios = values.flatMap((value, run) => {
    const limit = limits[run];
    return value === undefined || limit === undefined ? [] : [value / limit];
  });
  return median(ratios);
}

/** Formats a number with three significant digits. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Number.isInteger(value) || Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

/** Formats the median with the minimum and the maximum. */
export function spread(values: readonly number[]): string {
  if (values.length === 0) return "–";
  const text = digits(median(values));
  if (values.length === 1) return text;
  return `${text} (${digits(Math.min(...values))}–${digits(Math.max(...values))})`;
}
