// The result of a measure: a table. A cell has a text for people and, if it is a number, its value for
// programs.
import { digits, median, spread } from "./statistics.ts";

export interface Cell {
  readonly text: string;
  readonly value?: number;
}

export interface Row {
  readonly name: string;
  readonly cells: readonly Cell[];
}

export interface Table {
  /** The targets and the chart find the table by this id. */
  readonly id: string;
  readonly title: string;
  /** A note that a reader needs to understand the table. */
  readonly note?: string;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

export const NONE: Cell = { text: "–" };

export function number(value: number | undefined, unit = ""): Cell {
  if (value === undefined || !Number.isFinite(value)) return NONE;
  return { text: digits(value) + unit, value };
}

/** Makes a cell from the values of several runs. */
export function runs(values: readonly number[]): Cell {
  return values.length === 0 ? NONE : { text: spread(values), value: median(values) };
}

export function text(content: string): Cell {
  return { text: content };
}

/** Returns a number of a table; `undefined` if it was not measured. */
export function find(tables: readonly Table[], id: string, row: string, column: string): number | undefined {
  const table = tables.find((candidate) => candidate.id === id);
  const cells = table?.rows.find(({ name }) => name === row)?.cells;
  return cells?.[table?.columns.indexOf(column) ?? -1]?.value;
}

/** Formats a table for the terminal. */
export function toText({ title, note, columns, rows }: Table): string {
  const lines = [
    ["", ...columns],
    ...rows.map(({ name, cells }) => [name, ...cells.map((cell) => cell.text)]),
  ];
  const widths =
    lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  const body = lines.map((line) =>
    line
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
  return [`\n${title}`, ...(note === undefined ? [] : [`  ${note}`]), ...body].join("\n");
}

/** Formats a table as Markdown for the documentation. */
export function toMarkdown({ title, note, columns, rows }: Table): string {
  const lines = [
    `| | ${columns.join(" | ")} |`,
    `| --- |${" ---: |".repeat(columns.length)}`,
    ...rows.map(({ name, cells }) => {
      const bold = name === "popwright" ? "**" : "";
      return `| ${bold}${name}${bold} | ${cells.map((cell) => cell.text).join(" | ")} |`;
    }),
  ];
  return [`### ${title}`, ...(note === undefined ? [] : [note]), lines.join("\n")].join("\n\n");
}
