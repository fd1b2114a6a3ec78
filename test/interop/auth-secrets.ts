// The forms in which a secret may be written, none of which may be visible.
import { inspect } from "node:util";

/** A text as it is, and what every base64 that it is a part of has in common with one of three. */
export function spellings(secret: string): string[] {
  const octets = Buffer.from(secret);
  const inBase64 = [0, 1, 2].map((before) => {
    const base64 = Buffer.concat([Buffer.alloc(before), octets]).toString("base64");
    // A character at either end may also encode bits of the text next to the secret.
    const whole = Math.floor(((before + octets.length) * 8) / 6);
    return base64.slice(Math.ceil((before * 8) / 6), whole);
  });
  return [secret, ...inBase64];
}

/** All that an error says when it is printed, with its causes and what is hidden of it. */
export function printed(error: unknown): string {
  return inspect(error, { depth: Infinity, showHidden: true, maxArrayLength: null, maxStringLength: null });
}
