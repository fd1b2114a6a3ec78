// Lays out a help text for a terminal.
import type { Help, HelpRow, HelpSection } from "./help.ts";
import { commandText, FILE_WIDTH, wrapped } from "./text.ts";

const INDENT = 2;
/** On a narrower terminal, what a term means begins in the next line. */
const NARROW = 60;
/** A longer term has a line of its own. */
const LONGEST_TERM = 24;

/** Formats a help text. `columns`: the width of the terminal; `undefined` if the output is not a terminal. */
export function helpText({ usage, sections }: Help, columns: number = FILE_WIDTH): string {
  const parts = [
    usage.map((line) => `${wrapped(line, 2 * INDENT, columns)}\n`).join(""),
    ...sections.map((section) => sectionText(section, columns)),
  ];
  return parts.join("\n");
}

function sectionText({ title, text = [], rows = [], commands = [] }: HelpSection, columns: number): string {
  const indent = title === undefined ? 0 : INDENT;
  const paragraphs = text.map((each) => `${" ".repeat(indent)}${wrapped(each, indent, columns)}\n`);
  const head = title === undefined ? "" : `${title}\n`;
  const examples = commands.map((line) => `${" ".repeat(INDENT)}${commandText(line, 3 * INDENT, columns)}\n`);
  const blocks = [paragraphs.join("\n"), rowsText(rows, columns), examples.join("")];
  return head + blocks.filter((block) => block !== "").join("\n");
}

function rowsText(rows: readonly HelpRow[], columns: number): string {
  const lengths = rows.map(([term]) => term.length).filter((length) => length <= LONGEST_TERM);
  const isNarrow = columns < NARROW;
  const indent = isNarrow ? 3 * INDENT : Math.max(4, ...lengths) + 2 * INDENT;
  const margin = `\n${" ".repeat(indent)}`;
  return rows
    .map(([term, text]) => {
      const isApart = isNarrow || term.length > LONGEST_TERM;
      const head = " ".repeat(INDENT) + (isApart ? term + margin : term.padEnd(indent - INDENT));
      return `${head}${wrapped(text, indent, columns)}\n`;
    })
    .join("");
}
