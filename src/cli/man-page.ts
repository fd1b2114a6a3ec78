// Writes the manual page popwright(1) from the help texts. The build puts it into the package.
import { ACCOUNT_HELP, type Subcommand } from "./command.ts";
import { COMMANDS, ENVIRONMENT, FILES, PURPOSE } from "./command-list.ts";
import type { HelpRow, HelpSection } from "./help.ts";
import { wrapped } from "./text.ts";

/** The length of a line of the source. */
const WIDTH = 78;

/** Returns the page, in the macros of man(7). `version`: of the package. */
export function manPage(version: string): string {
  const synopsis = COMMANDS.flatMap(({ help }) => help.usage).flatMap((form) => [".HP", ...bold(form)]);
  const account = ACCOUNT_HELP.flatMap((section) => [`.SH ${heading(section)}`, ...contentOf(section)]);
  return [
    '.\\" Made from the help texts. There is no date: the same sources make the same page.',
    `.TH POPWRIGHT 1 "" "popwright ${version}" "User Commands"`,
    '.\\" Nothing is hyphenated or justified: words and options can be copied.',
    ".nh",
    ".ad l",
    ".SH NAME",
    "popwright \\- a POP3 client for the command line",
    ".SH SYNOPSIS",
    ...synopsis.slice(1),
    ".SH DESCRIPTION",
    ...contentOf({ text: PURPOSE }),
    ".SH COMMANDS",
    ...COMMANDS.flatMap(commandText),
    ...account,
    ".SH ENVIRONMENT",
    ...rowsOf(ENVIRONMENT),
    ".SH FILES",
    ...rowsOf(FILES),
    ".SH EXIT STATUS",
    ...rowsOf(allExitCodes()),
    "",
  ].join("\n");
}

/** A command: what it does, its options, and examples. What all commands share has sections of its own. */
function commandText({ name, help }: Subcommand): string[] {
  const own = help.sections.filter((section) => !ACCOUNT_HELP.includes(section) && !isExitCodes(section));
  const shared = ACCOUNT_HELP.filter((section) => help.sections.includes(section));
  const options = shared.length === 0 ? [] : ["The options of URL, SECRET and CONNECTION come in addition."];
  const [first = {}, ...more] = own;
  return [
    `.SS ${name}`,
    ...help.usage.flatMap((form, index) => [...(index === 0 ? [] : [".br"]), ...bold(form)]),
    ".PP",
    ...contentOf(first),
    ...more.flatMap((section) => [".PP", `.I ${section.title ?? ""}`, ...contentOf(section)]),
    ...options.flatMap((text) => [".PP", ...lines(text)]),
  ];
}

const heading = ({ title = "" }: HelpSection): string => title.toUpperCase();

const isExitCodes = ({ title }: HelpSection): boolean => title === "Exit codes";

/** The exit codes of all commands, each with all its meanings. */
function allExitCodes(): HelpRow[] {
  const meanings = new Map<string, Set<string>>();
  for (const { help } of COMMANDS)
    for (const { rows = [] } of help.sections.filter(isExitCodes))
      for (const [code, meaning] of rows) meanings.set(code, (meanings.get(code) ?? new Set()).add(meaning));
  return [...meanings]
    .map(([code, texts]) => [code, [...texts].join("; or ")] as const)
    .sort(([one], [other]) => Number(one) - Number(other));
}

function contentOf({ text = [], rows = [], commands = [] }: HelpSection): string[] {
  const paragraphs = text.flatMap((each, index) => [...(index === 0 ? [] : [".PP"]), ...lines(each)]);
  const examples =
    commands.length === 0 ? [] : [".RS 4", ".nf", ...commands.map(escaped).map(protectedLine), ".fi", ".RE"];
  return [...paragraphs, ...rowsOf(rows), ...examples];
}

function rowsOf(rows: readonly HelpRow[]): string[] {
  return rows.flatMap(([term, text]) => [".TP", ...bold(term), ...lines(text)]);
}

function bold(text: string): string[] {
  return [`\\fB${escaped(text)}\\fR`];
}

/** The lines of a paragraph. A sentence begins a line, so that a formatter sees where it ends. */
function lines(text: string): string[] {
  return text
    .split(/(?<=[.:] )(?=[A-Z"])/)
    .flatMap((sentence) => wrapped(escaped(sentence.trim()), 0, WIDTH).split("\n"))
    .map(protectedLine);
}

/** Characters that a formatter would take for a command, or replace by ones that cannot be copied. */
const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\e",
  "-": "\\-",
  "'": "\\(aq",
  "`": "\\(ga",
  "^": "\\(ha",
  "~": "\\(ti",
};

function escaped(text: string): string {
  return text.replace(/[\\\-'`^~]/g, (character) => ESCAPES[character] ?? character);
}

/** A line that begins with a full stop would be a command. */
function protectedLine(line: string): string {
  return line.startsWith(".") ? `\\&${line}` : line;
}
