// Formats tables and wrapped text for people.

/** Formats rows as columns. The columns with an index in `right` are aligned to the right. */
export function columns(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        right.includes(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return rows.map((row) => `${line(row)}\n`).join("");
}

/** The maximal width of text, in columns. */
const WIDEST = 100;

/**
 * Wraps text. Each line leaves space for `indent` columns; they are written before each line except the
 * first.
 */
export function wrapped(text: string, indent: number, columns: number = WIDEST): string {
  const width = Math.max(20, Math.min(columns, WIDEST) - indent);
  const lines: string[] = [];
  let line: string | undefined;
  for (const word of text.split(" ")) {
    if (line !== undefined && line.length + 1 + word.length <= width) line += ` ${word}`;
    else {
      if (line !== undefined) lines.push(line);
      line = word;
    }
  }
  return [...lines, line ?? ""].join(`\n${" ".repeat(indent)}`);
}

/** Quotes a word for a shell if it has characters other than letters, digits and a few safe marks. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
