// Parses message identifiers: the texts between angle brackets, without blanks but with the brackets.

/**
 * Returns the identifiers in the value of a `Message-ID`, `In-Reply-To` or `References` field (RFC 5322
 * section 3.6.4).
 *
 * Ignores other text. If there are no brackets, a single word is an identifier; of several words, those with
 * an `@` are. Both get the brackets that the sender forgot.
 */
export function parseMessageIds(value: string): string[] {
  const ids: string[] = [];
  let open = -1;
  for (let at = 0; at < value.length; at++) {
    const char = value.charCodeAt(at);
    if (char === 0x3c) {
      open = at;
    } else if (char === 0x3e && open >= 0) {
      // A fold inside an identifier leaves a blank that is not part of it.
      const id = value.slice(open, at + 1).replace(/\s/g, "");
      if (id.length > 2) ids.push(id);
      open = -1;
    }
  }
  if (ids.length > 0 || /[<>]/.test(value)) return ids;
  const words = value.split(/[\s,]+/).filter((word) => word !== "");
  return words.filter((word) => words.length === 1 || word.includes("@")).map((word) => `<${word}>`);
}
