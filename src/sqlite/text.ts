// The form of names in the database. Most are stored as they are.

/**
 * Escapes NUL, which some versions of `node:sqlite` cut a text at, and halves of surrogate pairs, which UTF-8 does
 * not have. Different texts have different forms.
 */
export function encodeText(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** The reverse of {@link encodeText}. */
export function decodeText(form: string): string {
  return JSON.parse(`"${form}"`) as string;
}
