// The content of a help text, apart from its layout: it is printed on terminals of any width, and it is the manual page.

/** A term, such as an option with its value, and what it means. */
export type HelpRow = readonly [term: string, text: string];

/** A part of a help text. Its contents are laid out in the order of these fields. */
export interface HelpSection {
  /** The heading. The first section has none. */
  readonly title?: string;
  /** Paragraphs. */
  readonly text?: readonly string[];
  readonly rows?: readonly HelpRow[];
  /** Command lines that a user can copy. */
  readonly commands?: readonly string[];
}

export interface Help {
  /** The forms of the command line. */
  readonly usage: readonly string[];
  readonly sections: readonly HelpSection[];
}

/** The exit codes of a command. */
export function exitCodes(...rows: readonly HelpRow[]): HelpSection {
  return { title: "Exit codes", rows };
}

export function examples(...commands: readonly string[]): HelpSection {
  return { title: commands.length === 1 ? "Example" : "Examples", commands };
}
