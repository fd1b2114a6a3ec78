// Joins the lines of a text with format=flowed (RFC 3676).

/** Joins flowed lines. The pieces have LF line ends and may be cut anywhere. */
export class FlowedText {
  readonly #deleteSpace: boolean;
  #rest = "";
  /** The quote depth of the paragraph that continues in the next line, if one does. */
  #openDepth: number | undefined;
  #started = false;

  /** With `deleteSpace` (`delsp=yes`), the space at the end of a flowed line is not part of the text. */
  constructor(deleteSpace: boolean) {
    this.#deleteSpace = deleteSpace;
  }

  /** Returns the text of the lines that are complete. */
  write(piece: string): string {
    const lines = (this.#rest + piece).split("\n");
    this.#rest = lines.pop() ?? "";
    return lines.map((line) => this.#line(line)).join("");
  }

  /** Returns the rest. */
  end(): string {
    return this.#line(this.#rest);
  }

  /** Section 4.5: only lines of one quote depth are joined; the quote marks stand before the whole. */
  #line(line: string): string {
    let depth = 0;
    while (line[depth] === ">") depth++;
    // Section 4.4: a space before the text is stuffed. After quote marks it stays, as a part of them.
    const start = line[depth] === " " ? depth + 1 : depth;
    let text = line.slice(start);
    // Section 4.3: the line before a signature is not flowed.
    const signature = text === "-- ";
    const joined = this.#openDepth === depth && !signature;
    const flowed = text.endsWith(" ") && !signature;
    if (flowed && this.#deleteSpace) text = text.slice(0, -1);
    if (!joined) text = (this.#started ? "\n" : "") + (depth > 0 ? line.slice(0, start) : "") + text;
    this.#started = true;
    this.#openDepth = flowed ? depth : undefined;
    return text;
  }
}
