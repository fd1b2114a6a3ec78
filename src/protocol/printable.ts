// Makes the text of a peer safe to print: it cannot move the cursor, forge a line or reverse the text.

/** The most characters of a peer's text in an error. */
const LONGEST = 512;

// Controls, line and paragraph separators, the marks that reorder text, and the byte order mark.
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\ufeff]/gu;

/** Escapes unsafe characters, masks `secrets`, and cuts `text` after 512 characters. */
export function printable(text: string, secrets: readonly string[] = []): string {
  for (const secret of secrets) if (secret !== "") text = text.replaceAll(secret, "****");
  const cut = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  return cut.replace(UNSAFE, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}
