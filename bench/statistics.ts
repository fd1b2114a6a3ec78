// Medians with their spread: on a machine that does other things too, a mean tells of those.

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2;
}

/** Each run's value by that of another contender in the same run: what slows a run down slows both. */
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

/** Three digits, and no more behind the point than tell something. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Number.isInteger(value) || Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

/** The median, and from which to which it went. */
export function spread(values: readonly number[]): string {
  if (values.length === 0) return "–";
  const text = digits(median(values));
  if (values.length === 1) return text;
  return `${text} (${digits(Math.min(...values))}–${digits(Math.max(...values))})`;
}
