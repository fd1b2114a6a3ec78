// The form of names in a database. Most are stored as they are.

/**
 * Escapes NUL, which databases refuse or cut a text at, and halves of surrogate pairs, which UTF-8 does not have.
 * Different texts have different forms.
 */
export function encodeText(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** The reverse of {@link encodeText}. */
export function decodeText(form: string): string {
  return JSON.parse(`"${form}"`) as string;
}
