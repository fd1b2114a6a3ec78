// Figures in columns, for people.

/** So many octets, as people read them. */
export const mib = (octets: number): string => `${(octets / (1024 * 1024)).toFixed(1)} MiB`;

/** The first row is the head. All columns but the first are set to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const [head = []] = rows;
  const widths = head.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  "),
  );
  return `${lines.join("\n")}\n`;
}
