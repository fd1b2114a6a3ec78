// Parses message identifiers: the texts between angle brackets, without blanks but with the brackets.

/**
 * Returns the identifiers in the value of a `Message-ID`, `In-Reply-To` or `References` field (RFC 5322
 * section 3.6.4).
 *
 * Ignores other text. If there are no brackets, a single word is an identifier; of several words, those with
 * an `@` are. Both get the brackets that the sender forgot.
 */
export function parseMessageIds(value: string): string[] {
  if (/[<>]/.test(value)) {
    // A fold inside an identifier leaves a blank that is not part of it.
    const ids = [...value.matchAll(/<[^<>]*>/g)].map(([id]) => id.replace(/\s/g, ""));
    return ids.filter((id) => id.length > 2);
  }
  const words: readonly string[] = value.match(/[^\s,]+/g) ?? [];
  return words.filter((word) => words.length === 1 || word.includes("@")).map((word) => `<${word}>`);
}
