// Formats tables and wrapped text for people.
import type { Output } from "./io.ts";
import { widthOf } from "./width.ts";

/** The width of a file or a pipe. */
const UNLIMITED = Infinity;

/** Aligns the cells of rows, except the last of each row. The columns with an index in `right` are aligned to the right. */
function aligned(rows: readonly (readonly string[])[], right: readonly number[]): string[][] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, widthOf(cell));
  }
  return rows.map((row) =>
    row.map((cell, column) => {
      const space = " ".repeat((widths[column] ?? 0) - widthOf(cell));
      return right.includes(column) ? space + cell : column < row.length - 1 ? cell + space : cell;
    }),
  );
}

/**
 * Formats rows as columns. The columns with an index in `right` are aligned to the right. `width`: of the terminal. If a
 * row does not fit, its last cells are in further lines, which are indented.
 */
export function columns(
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
  width: number = UNLIMITED,
): string {
  return aligned(rows, right)
    .map((cells) => {
      const line = cells.join(GAP).trimEnd();
      return `${widthOf(line) <= width ? line : folded(cells, width)}\n`;
    })
    .join("");
}

const GAP = "  ";
const FOLD = " ".repeat(4);

/** Puts cells into several lines. A cell that is too long for a line is wrapped. */
function folded(cells: readonly string[], width: number): string {
  const lines: string[] = [];
  for (const cell of cells) {
    const last = lines.at(-1);
    const longer = `${last ?? ""}${GAP}${cell}`.trimEnd();
    if (last === undefined) lines.push(cell);
    else if (widthOf(longer) <= width) lines[lines.length - 1] = `${last}${GAP}${cell}`;
    else lines.push(FOLD + wrapped(cell.trim(), FOLD.length, width));
  }
  return lines.map((line) => line.trimEnd()).join("\n");
}

/** The maximal width of text, in columns. */
const WIDEST = 100;

/** The width of a help text in a file or a pipe, in columns. */
export const FILE_WIDTH = 80;

/**
 * Wraps text. Each line leaves space for `indent` columns; they are written before each line except the
 * first.
 */
export function wrapped(text: string, indent: number, columns: number = WIDEST): string {
  return joined(text.split(" "), indent, columns, "");
}

/** Wraps a command line, so that it can be copied into a shell: a line that is continued ends with a backslash. */
export function commandText(command: string, indent: number, columns: number = UNLIMITED): string {
  // A shell of Windows has another sign.
  if (process.platform === "win32") return command;
  return joined(command.match(SHELL_WORD) ?? [], indent, columns, " \\");
}

/** A word of a shell, with its quotes. */
const SHELL_WORD = /(?:"[^"]*"|'[^']*'|\\.|\S)+/g;

function joined(words: readonly string[], indent: number, columns: number, continued: string): string {
  const widest = continued === "" ? Math.min(columns, WIDEST) : columns;
  const width = Math.max(20, widest - indent);
  const lines: string[] = [];
  let line: string | undefined;
  for (const [index, word] of words.entries()) {
    const left = index < words.length - 1 ? width - continued.length : width;
    if (line !== undefined && widthOf(line) + 1 + widthOf(word) <= left) line += ` ${word}`;
    else {
      if (line !== undefined) lines.push(line);
      line = word;
    }
  }
  return [...lines, line ?? ""].join(`${continued}\n${" ".repeat(indent)}`);
}

/** A line for the user: words, or a command to enter. */
export type Line = string | { readonly command: string };

/** The indentation of what continues a line. */
const INDENT = 2;

/**
 * Formats lines; those after the first are indented. `columns`: the width of the terminal, to which they are wrapped. In a
 * file or a pipe, which have none, each stays one line.
 */
export function linesText(lines: readonly Line[], columns: number | undefined): string {
  return lines.map((line) => `${lineText(line, columns)}\n`).join(" ".repeat(INDENT));
}

function lineText(line: Line, columns: number | undefined): string {
  if (typeof line !== "string") return commandText(line.command, 2 * INDENT, columns);
  return columns === undefined ? line : wrapped(line, INDENT, columns);
}

/** Writes lines: see {@link linesText}. */
export async function writeLines(output: Output, ...lines: readonly Line[]): Promise<void> {
  await output.write(linesText(lines, output.columns));
}

/** Quotes a word for a shell if it has characters other than letters, digits and a few safe marks. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
