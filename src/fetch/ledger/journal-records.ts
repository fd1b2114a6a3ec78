// Finds the complete records of a journal, in order. A torn record at the end was never acknowledged, so it is ignored.
// Damage before the end is always an error.
import { decodeLine, type JournalText } from "./journal-line.ts";

export interface JournalRecords {
  /** The lines of the complete records. */
  readonly lines: readonly string[];
  /** Where the last complete record ends; octets. */
  readonly length: number;
}

/**
 * Returns the lines after the header, which ends at `from`. Throws what `damage` returns for the number of a damaged
 * line.
 */
export function recordsIn(text: JournalText, from: number, damage: (line: number) => Error): JournalRecords {
  let [at, length] = [from, from];
  const lines: string[] = [];
  /** How many of these lines belong to complete records. */
  let whole = 0;
  let damaged: number | undefined;
  for (let number = 2; ; number++) {
    const to = text.latin1.indexOf("\n", at);
    if (to === -1) return { lines: lines.slice(0, whole), length };
    const line = decodeLine(text, at, to);
    at = to + 1;
    // If a new write begins before a record has ended, the record is damaged, too.
    if (line === undefined || (line.first && lines.length > whole)) damaged ??= number;
    // A crash may leave any part of the last write. If another write follows, this one was not the last.
    if (damaged !== undefined && line?.first === true) throw damage(damaged);
    if (damaged !== undefined || line === undefined) continue;
    lines.push(line.text);
    if (line.more) continue;
    whole = lines.length;
    length = at;
  }
}
