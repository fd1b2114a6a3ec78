// Measures and cuts text by the columns that it takes on a terminal.

/** Characters of two columns: East Asian wide ones (UAX #11), and emojis. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3ffff}]|\p{Emoji_Presentation}/u;
/** Characters that are drawn over the one before. */
const MARK = /\p{Mn}|\p{Me}/u;

/** The number of columns of a text without control characters. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += columnsOf(character);
  return width;
}

function columnsOf(character: string): number {
  if (character < "\u0300") return 1;
  return MARK.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
}

/** Cuts a text so that it takes at most `width` columns. A text that was cut ends with an ellipsis. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let [taken, left] = ["", width - 1];
  for (const character of text) {
    left -= columnsOf(character);
    if (left < 0) break;
    taken += character;
  }
  return `${taken.trimEnd()}…`;
}

/** Cuts or pads a text to exactly `width` columns. */
export function fitted(text: string, width: number): string {
  const short = cut(text, width);
  return short + " ".repeat(Math.max(0, width - widthOf(short)));
}

/** Breaks a line at its spaces, so that each part takes at most `width` columns unless it is one long word. */
export function broken(line: string, width: number): string[] {
  if (widthOf(line) <= width) return [line];
  const lines: string[] = [];
  // The indentation and the marks of a quotation stay at the first word.
  let part = "";
  for (const word of line.match(/^[\s>]*\S*|\s+\S+/g) ?? []) {
    if (part !== "" && widthOf(part + word) > width) {
      lines.push(part);
      part = word.trimStart();
    } else part += word;
  }
  return [...lines, part];
}
